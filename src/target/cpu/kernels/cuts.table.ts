/**
 * How a call of a kernel is cut into parts that do not depend on one another: along axes, each with the
 * parameter that counts its units. A kernel that is not here runs in one piece.
 */
import { PANEL_FORMAT_NAMES, PANEL_FORMATS, PANEL_ROWS } from '../panels/panelFormats.table.ts';
import { panelBytes } from '../panels/panelLayout.ts';
import { INDEX_BLOCK, type KernelName } from './kernels.table.ts';
import { ACTIVATION_BLOCK } from './quantizeRows.ts';

export type Arguments = Readonly<Record<string, number>>;

type PerUnit = Readonly<Record<string, number | ((args: Arguments) => number)>>;

export interface Axis {
  /** The parameter that counts units. */
  readonly extent: string;
  /** Elements that a pointer moves on by a unit. */
  readonly elements: PerUnit;
  /** What is added to a number by a unit. */
  readonly adds?: PerUnit;
  /** Parts are multiples of this many units, but the last. */
  readonly grain?: number | ((args: Arguments) => number);
  /** Whether its units lie one after the other and are read from memory once, best by one thread in a row. */
  readonly isStream?: true;
  /** Whether this call can be cut along the axis. */
  readonly when?: (args: Arguments) => boolean;
}

export interface Cut {
  /** Tried in order, until there are parts enough. */
  readonly axes: readonly Axis[];
  /**
   * Whether a share of the units of an axis needs only the same share of what the call reads, and writes only that of what
   * it writes: then a thread can go on with its share before others have theirs. Of any of `axes`; or of this one, and only where
   * rows are enough for all threads.
   */
  readonly rowWise?: true | Axis;
  /** Bytes that each such share reads whole, weights above all; none unless said. */
  readonly sharedBytes?: (args: Arguments) => number;
  /** Multiply-accumulates of the whole call, or elements that it moves. */
  readonly work: (args: Arguments) => number;
}

/** Elements of a vector: parts of elementwise kernels start at whole ones. */
const LINE = 16;

const elementwise = (...pointers: readonly string[]): Cut => ({
  axes: [
    {
      extent: 'size',
      grain: LINE,
      elements: Object.fromEntries(pointers.map((pointer) => [pointer, 1])),
    },
  ],
  rowWise: true,
  work: ({ size }) => 8 * size!,
});

/** Rows that do not see each other. */
const byRows = (elements: PerUnit, width: (args: Arguments) => number): Cut => ({
  axes: [{ extent: 'rows', elements }],
  work: (args) => 4 * args['rows']! * width(args),
});

/** Rows that need no rows of others, as in `Cut`. */
const rowWise = (...[elements, width]: Parameters<typeof byRows>): Cut => ({
  ...byRows(elements, width),
  rowWise: true,
});

const D = ({ D: width }: Arguments): number => width!;
/** Rows of the weight of each expert that a part has, so that calls are few where an expert has a token or two. */
const FEW_ROWS = 2 * PANEL_ROWS;

const M = ({ M: width }: Arguments): number => width!;
const ofHeads = (a: Arguments): number => a['n']! * a['D']!;
const ofPlane = (a: Arguments): number => a['rows']! * a['columns']!;
const E = ({ E: width }: Arguments): number => width!;

/** Heads of groups, groups, sequences and tokens. */
const SEQUENCES: Axis = {
  extent: 'B',
  elements: {
    q: (a) => a['T']! * a['qStep']!,
    out: (a) => a['T']! * a['outStep']!,
    keys: (a) => a['capacity']! * a['keyStep']!,
    values: (a) => a['capacity']! * a['valueStep']!,
    positions: 1,
  },
};
/** Tokens that are worth bringing the keys and values of all before them to the first cache, and rows of their heads. */
const FEW_TOKENS = 64;
const ATTENDING_ROWS = 256;
const TOKENS: Axis = {
  extent: 'T',
  elements: { q: (a) => a['qStep']!, out: (a) => a['outStep']! },
  adds: { first: 1 },
  when: (a) => a['B'] === 1,
};
const ATTENDING_TOKENS: Axis = {
  ...TOKENS,
  grain: (a) => Math.max(FEW_TOKENS, Math.ceil(ATTENDING_ROWS / a['shared']!)),
};
const GROUPS: Axis = {
  extent: 'G',
  elements: {
    q: (a) => a['shared']! * a['keyWidth']!,
    out: (a) => a['shared']! * a['valueWidth']!,
    keys: (a) => a['keyWidth']!,
    values: (a) => a['valueStride']!,
  },
};
/** Heads of one group share its keys, so few parts are better. */
const HEADS: Axis = {
  extent: 'shared',
  elements: { q: (a) => a['keyWidth']!, out: (a) => a['valueWidth']! },
  grain: 4,
  when: (a) => a['G'] === 1,
};

const attended = (a: Arguments): number =>
  a['B']! * a['T']! * a['G']! * a['shared']! * (a['keyWidth']! + a['valueWidth']!);

/** What an address that may be 0, for nothing, moves on by. */
const ifGiven =
  (name: string, elements: (a: Arguments) => number) =>
  (a: Arguments): number =>
    a[name] === 0 ? 0 : elements(a);

/** Sequences, or tokens of one; `others` are places by token besides those of all. */
const choices = (others: Readonly<Record<string, (args: Arguments) => number>> = {}): Cut => {
  const ofToken = {
    q: (a: Arguments) => a['H']! * a['K']!,
    weights: ifGiven('weights', (a) => a['H']!),
    out: (a: Arguments) => a['topK']!,
    ...others,
  };
  const ofSequence = Object.entries(ofToken).map(([name, elements]) => {
    return [name, (a: Arguments) => a['T']! * elements(a)] as const;
  });
  const keys = (a: Arguments): number => a['capacity']! * a['K']!;
  return {
    axes: [
      { extent: 'B', elements: { ...Object.fromEntries(ofSequence), keys, positions: 1 } },
      { extent: 'T', elements: ofToken, adds: { first: 1 }, when: (a) => a['B'] === 1 },
    ],
    work: (a) => a['B']! * a['T']! * a['H']! * a['K']! * (a['topK']! + INDEX_BLOCK),
  };
};

/** Bytes of a panel for each of its rows. */
function rowBytesOfPanel({ format, K }: Arguments): number {
  const name = PANEL_FORMAT_NAMES.find((one) => PANEL_FORMATS[one].code === format)!;
  return panelBytes(name, PANEL_ROWS, K!) / PANEL_ROWS;
}

export const CUTS: Readonly<Partial<Record<KernelName, Cut>>> = {
  linear: {
    axes: [
      { extent: 'N', grain: 8, isStream: true, elements: { w: (a) => a['wStride']!, out: 1 } },
    ],
    work: (a) => a['M']! * a['N']! * a['K']!,
  },
  linearPanels: {
    axes: [
      {
        extent: 'N',
        grain: PANEL_ROWS,
        isStream: true,
        elements: { out: 1 },
        adds: { w: rowBytesOfPanel },
      },
    ],
    rowWise: { extent: 'M', elements: { x: (a) => a['xStride']!, out: (a) => a['outStride']! } },
    sharedBytes: (a) => rowBytesOfPanel(a) * a['N']!,
    work: (a) => (a['M']! * a['N']! * a['K']!) / 2,
  },
  quantizeRows: {
    axes: [
      {
        extent: 'rows',
        elements: { x: (a) => a['xStride']! },
        adds: { out: (a) => (a['K']! / ACTIVATION_BLOCK.columns) * ACTIVATION_BLOCK.bytes },
      },
    ],
    rowWise: true,
    work: (a) => 4 * a['rows']! * a['K']!,
  },
  append: {
    axes: [
      {
        extent: 'B',
        elements: {
          x: (a) => a['T']! * a['size']!,
          state: (a) => a['capacity']! * a['size']!,
          positions: 1,
        },
      },
      {
        extent: 'T',
        // Of one sequence: the state without the rows before those of the share.
        elements: { x: (a) => a['size']!, state: (a) => a['size']! },
        adds: { capacity: -1 },
        when: (a) => a['B'] === 1,
      },
    ],
    rowWise: true,
    work: (a) => 4 * a['B']! * a['T']! * a['size']!,
  },
  attention: {
    axes: [SEQUENCES, GROUPS, HEADS, ATTENDING_TOKENS],
    rowWise: SEQUENCES,
    work: (a) => attended(a) * a['scoreStride']!,
  },
  attentionToRows: {
    axes: [
      {
        ...SEQUENCES,
        elements: { ...SEQUENCES.elements, chosen: (a) => a['T']! * a['topK']! },
      },
      { ...TOKENS, elements: { ...TOKENS.elements, chosen: (a) => a['topK']! } },
      HEADS,
    ],
    work: (a) => attended(a) * a['topK']!,
  },
  topRows: choices({ blocks: ifGiven('blocks', (a) => a['blockCount']!) }),
  topBlocks: choices(),
  causalConvolution: {
    axes: [
      {
        extent: 'channels',
        grain: LINE,
        elements: { state: 1, x: 1, w: (a) => a['W']!, out: 1 },
      },
    ],
    work: (a) => 4 * a['B']! * (a['T']! + 1) * a['W']! * a['channels']!,
  },
  gatedDelta: {
    axes: [{ extent: 'heads', elements: {}, adds: { first: 1 } }],
    work: (a) => 3 * a['B']! * a['T']! * a['heads']! * a['K']! * a['V']!,
  },
  takeRows: byRows({ chosen: 1, out: (a) => a['size']! }, (a) => a['size']!),
  groupedLinear: {
    axes: [{ extent: 'N', grain: FEW_ROWS, elements: { w: (a) => a['K']!, out: 1 } }],
    work: (a) => a['rows']! * a['N']! * a['K']!,
  },
  groupedLinearPanels: {
    axes: [
      {
        extent: 'N',
        grain: FEW_ROWS,
        isStream: true,
        elements: { out: 1 },
        adds: { w: rowBytesOfPanel },
      },
    ],
    work: (a) => (a['rows']! * a['N']! * a['K']!) / 2,
  },
  sumExperts: byRows({ places: (a) => a['topK']!, out: D }, (a) => a['topK']! * a['D']!),
  embedding: rowWise({ tokens: 1, out: D }, D),
  embeddingPanels: rowWise({ tokens: 1, out: D }, D),
  copyRows: rowWise({ x: (a) => a['xStride']!, out: (a) => a['outStride']! }, (a) => a['size']!),
  add: elementwise('a', 'b', 'out'),
  mul: elementwise('a', 'b', 'out'),
  sigmoid: elementwise('x', 'out'),
  softplus: elementwise('x', 'out'),
  silu: elementwise('x', 'out'),
  signedRoot: elementwise('x', 'out'),
  swiglu: elementwise('gate', 'up', 'out'),
  addRow: rowWise({ a: D, out: D }, D),
  mulRow: rowWise({ a: D, out: D }, D),
  addNumber: rowWise({ a: D, b: 1, out: D }, D),
  mulNumber: rowWise({ a: D, b: 1, out: D }, D),
  rmsNormalization: rowWise({ x: D, out: D }, D),
  layerNormalization: rowWise({ x: D, out: D }, D),
  l2Normalization: rowWise({ x: D, out: D }, D),
  dot: rowWise({ a: D, b: D, out: 1 }, D),
  rotaryEmbedding: rowWise(
    {
      x: (a) => 2 * a['H']! * a['pairs']!,
      out: (a) => 2 * a['H']! * a['pairs']!,
      cos: (a) => a['pairs']!,
      sin: (a) => a['pairs']!,
    },
    (a) => 2 * a['H']! * a['pairs']!,
  ),
  argMax: rowWise({ x: (a) => a['size']!, out: 1 }, (a) => a['size']!),
  route: byRows({ logits: E, out: E }, (a) => 8 * a['E']!),
  routeByToken: byRows({ logits: E, tokens: 1, out: E }, (a) => 4 * a['E']!),
  hyperConnection: byRows({ logits: M, out: M }, (a) => a['iterations']! * a['M']!),
  nGramGate: byRows({ x: ofHeads, keys: ofHeads, out: (a) => a['n']! }, ofHeads),
  fakeQuantize: {
    axes: [{ extent: 'groups', elements: { x: (a) => a['size']!, out: (a) => a['size']! } }],
    work: (a) => 16 * a['groups']! * a['size']!,
  },
  transpose: {
    axes: [{ extent: 'planes', elements: { x: ofPlane, out: ofPlane } }],
    work: (a) => 4 * a['planes']! * ofPlane(a),
  },
  mixHeads: byRows(
    {
      c: (a) => a['m']! * a['n']!,
      x: (a) => a['n']! * a['D']!,
      out: (a) => a['m']! * a['D']!,
    },
    (a) => a['m']! * a['n']! * a['D']!,
  ),
};
