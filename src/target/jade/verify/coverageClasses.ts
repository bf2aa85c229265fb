/** The classes of instructions that coverage counts: each a name and who is in it, by opcode. */
import type { Chip } from '../../../chip/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import {
  blockBytes,
  FORMAT_CODES,
  MX_FORMATS,
  NONE,
  type Fields,
  type FieldsOf,
  type Opcode,
} from '../isa.table.ts';
import { memoriesOf } from '../sim/banks.ts';
import { visibleColumns } from '../sim/positions.ts';
import type { ChipState } from '../sim/state.ts';

/** What is known of an instruction that has run. */
export interface Facts {
  readonly f: Fields;
  /** Rows it worked on; 0 for a skipped load. */
  readonly rows: number;
  readonly chip: Chip;
  readonly state: ChipState;
}

type Class = readonly [name: string, isIn: (facts: Facts) => boolean];

const wordAt = ({ state }: Facts, address: number): number => state.localI32[address / 4]!;
const is =
  (field: string, value: number) =>
  ({ f }: Facts) =>
    f[field] === value;
const isOver =
  (field: string, value: number) =>
  ({ f }: Facts) =>
    f[field]! > value;
/** In which memory a field's address lies. */
const isIn =
  (field: string, memory: 'scratchpad' | 'accumulators' | 'control memory') =>
  ({ f, chip }: Facts): boolean => {
    const { start, end } = memoriesOf(chip)[memory];
    return f[field]! >= start && f[field]! < end;
  };
/** Where a row or a block at this address begins inside of a word of the banks. */
const isOdd =
  (field: string) =>
  ({ f }: Facts) =>
    f[field]! % 2 === 1;

const ROWS: readonly Class[] = [
  ['no rows', ({ rows }) => rows === 0],
  ['one row', ({ rows }) => rows === 1],
  ['many rows', ({ rows }) => rows > 8],
];

const INNER: readonly Class[] = [
  ['rows in pairs or more', isOver('inner', 1)],
  ['a last token with fewer rows', ({ f }) => f['rows']! % f['inner']! !== 0],
];

const COUNT: readonly Class[] = [
  ['no row count', is('rowCount', NONE)],
  ['a row count of zero', (facts) => hasCount(facts) && wordAt(facts, facts.f['rowCount']!) === 0],
  ['a negative row count', (facts) => hasCount(facts) && wordAt(facts, facts.f['rowCount']!) < 0],
  [
    'a row count above the rows',
    (facts) => hasCount(facts) && wordAt(facts, facts.f['rowCount']!) > facts.f['rows']!,
  ],
  [
    'a row count within the rows',
    ({ f, rows, ...rest }) => hasCount({ f, rows, ...rest }) && rows > 0 && rows < f['rows']!,
  ],
];

function hasCount({ f }: Facts): boolean {
  return f['rowCount'] !== NONE;
}

const COLUMNS: readonly Class[] = [
  ['less than a window', ({ f, chip }) => f['columns']! < chip.vector.lanes],
  ['several windows', ({ f, chip }) => f['columns']! > chip.vector.lanes],
  ['a last window that is not full', ({ f, chip }) => f['columns']! % chip.vector.lanes !== 0],
];

const IN_PLACE = ({ f }: Facts): boolean => f['a'] === f['d'];

const DESTINATION: readonly Class[] = [
  ['f32 result', is('dFormat', FORMAT_CODES.f32)],
  ['quantised result', ({ f }) => MX_FORMATS.has(f['dFormat']!)],
  ['result in the scratchpad', isIn('d', 'scratchpad')],
  ['result in the accumulators', isIn('d', 'accumulators')],
  ['result in place', IN_PLACE],
];

const ROWWISE: readonly Class[] = [...ROWS, ...INNER, ...COLUMNS, ...DESTINATION];

const TRANSFER: readonly Class[] = [
  ['empty rows', is('rowBytes', 0)],
  ['no rows', is('rows', 0)],
  ['several planes', isOver('planes', 1)],
  [
    'rows of less than a burst',
    ({ f, chip }) => f['rowBytes']! > 0 && f['rowBytes']! < chip.dma.burstBytes,
  ],
  ['rows of several bursts', ({ f, chip }) => f['rowBytes']! > chip.dma.burstBytes],
  [
    'rows that end inside of a beat',
    ({ f, chip }) => f['rowBytes']! % chip.memory.bytesPerCycle !== 0,
  ],
  [
    'shifted by a position',
    ({ f, state }) => f['positionStride']! > 0 && state.positions[f['sequence']!]! > 0,
  ],
  ['not shifted', is('positionStride', 0)],
  ['positions that share a row', ({ f }) => f['positionStride']! > 0 && f['positionShift']! > 0],
  ['tokens before those of the transfer', isOver('positionOffset', 0)],
  ['an odd local address', isOdd('local')],
];

/** Some index of a list of `rows` is outside of its table. */
const indexOutside =
  (list: string, limit: string) =>
  (facts: Facts): boolean =>
    facts.f[list] !== NONE &&
    Array.from({ length: facts.rows }, (_, r) => wordAt(facts, facts.f[list]! + 4 * r) >>> 0).some(
      (index) => index >= facts.f[limit]!,
    );

const MATMUL: readonly Class[] = [
  ...ROWS,
  ...INNER,
  ...COUNT,
  ['packed weights', ({ f }) => f['transposed'] === 0 && f['wStride'] === weightBlockBytes(f)],
  ['weights by row', ({ f }) => f['transposed'] === 0 && f['wStride'] !== weightBlockBytes(f)],
  ['transposed weights', is('transposed', 1)],
  [
    'weights in the weight format',
    ({ f, chip }) => f['wFormat'] === FORMAT_CODES[chip.matrix.weightFormat],
  ],
  [
    'weights in the activation format',
    ({ f, chip }) => f['wFormat'] === FORMAT_CODES[chip.matrix.activationFormat],
  ],
  ['one block of k', is('k', MX_BLOCK)],
  ['several blocks of k', isOver('k', MX_BLOCK)],
  ['several tiles', ({ f, chip }) => f['columns']! > chip.matrix.columns],
  ['a last tile that is not full', ({ f, chip }) => f['columns']! % chip.matrix.columns !== 0],
  ['accumulates', is('accumulate', 1)],
  ['starts anew', is('accumulate', 0)],
  ['a row list', ({ f }) => f['rowList'] !== NONE],
  ['a row outside of the list', indexOutside('rowList', 'rows')],
  [
    'fewer rows than an accumulation takes',
    ({ rows, chip }) => rows > 0 && rows < chip.matrix.accumulateCycles,
  ],
  ['more rows than an accumulation takes', ({ rows, chip }) => rows > chip.matrix.accumulateCycles],
];

function weightBlockBytes(f: Fields): number {
  return blockBytes(MX_FORMATS.get(f['wFormat']!)!);
}

const ROUTE: readonly Class[] = [
  ['several tokens', isOver('rows', 1)],
  ['no tokens', is('rows', 0)],
  ['a bias', ({ f }) => f['b'] !== NONE],
  ['no bias', is('b', NONE)],
  ['softmax', is('scoring', 0)],
  ['sigmoid', is('scoring', 1)],
  ['root of softplus', is('scoring', 2)],
  ['a bias a token', ({ f }) => f['b'] !== NONE && f['bStride'] !== 0],
  ['groups by their best', ({ f }) => f['groups']! > 1 && f['groupByBest'] === 1],
  ['normalised', is('normalize', 1)],
  ['groups', isOver('groups', 1)],
  ['fewer groups kept than there are', ({ f }) => f['topGroups']! < f['groups']!],
  ['several experts', isOver('topK', 1)],
  ...COLUMNS,
];

/** Columns that row 0 sees. */
function seenFirst(f: Fields, state: ChipState): number {
  return visibleColumns(f as FieldsOf<'topk'>, state, 0);
}

const VISIBLE: readonly Class[] = [
  ['all columns seen', ({ f, rows, state }) => rows > 0 && seenFirst(f, state) >= f['columns']!],
  [
    'columns beyond the last seen',
    ({ f, rows, state }) => rows > 0 && seenFirst(f, state) < f['columns']!,
  ],
  ['no column seen', ({ f, rows, state }) => rows > 0 && seenFirst(f, state) === 0],
  ['columns that are always seen', isOver('always', 0)],
  ['positions that share a column', isOver('shift', 0)],
];

const FACTORS: readonly Class[] = [
  ['a number for each row', isOver('bStride', 0)],
  ['a number for all j', ({ f }) => f['inner']! > 1 && f['bInner'] === 0],
];

/** Classes of each opcode; an instruction may be in any number of them. */
export const CLASSES: { readonly [O in Opcode]: readonly Class[] } = {
  load: [
    ...TRANSFER,
    ['skipped', ({ f, rows }) => f['unless'] !== NONE && rows === 0 && f['rows']! > 0],
    ['tested and not skipped', ({ f, rows }) => f['unless'] !== NONE && rows > 0],
    ['not tested', is('unless', NONE)],
    ['into the control memory', isIn('local', 'control memory')],
    ['into the scratchpad', isIn('local', 'scratchpad')],
  ],
  gather: [
    ...ROWS.slice(0, 2),
    ['several rows', isOver('rows', 1)],
    ['an index outside of the table', indexOutside('list', 'limit')],
  ],
  store: [
    ...TRANSFER,
    ['from the scratchpad', isIn('local', 'scratchpad')],
    ['from the accumulators', isIn('local', 'accumulators')],
  ],
  matmul: MATMUL,
  copy: [
    ...ROWWISE.filter(([name]) => name !== 'result in place'),
    ...COUNT,
    ['from f32', is('aFormat', FORMAT_CODES.f32)],
    ['from bf16', is('aFormat', FORMAT_CODES.bf16)],
    ['groups of a block', is('group', MX_BLOCK)],
    ['groups wider than the lanes', ({ f, chip }) => f['group']! > chip.vector.lanes],
  ],
  add: [...ROWWISE, ...COUNT],
  mul: [...ROWWISE, ...COUNT],
  swiglu: [
    ...ROWWISE,
    ...COUNT,
    ['with a limit', isOver('limit', 0)],
    ['without a limit', is('limit', 0)],
  ],
  silu: [...ROWWISE, ...COUNT],
  sigmoid: [...ROWWISE, ...COUNT],
  exp: [...ROWWISE, ...COUNT],
  softplus: [...ROWWISE, ...COUNT],
  max: [...ROWWISE, ...COUNT],
  min: [...ROWWISE, ...COUNT],
  div: [...ROWWISE, ...COUNT],
  sum: [...ROWS, ...INNER, ...COLUMNS],
  signedRoot: [...ROWWISE, ...COUNT],
  rms: ROWWISE,
  rope: [
    ...ROWWISE,
    ['pairs apart', is('interleaved', 0)],
    ['pairs side by side', is('interleaved', 1)],
  ],
  softmax: [
    ...ROWWISE,
    ['with scales', ({ f }) => f['b'] !== NONE],
    ['without scales', is('b', NONE)],
    ...VISIBLE,
  ],
  argmax: [
    ...ROWS,
    ...INNER,
    ...COLUMNS,
    ['accumulates', is('accumulate', 1)],
    ['starts anew', is('accumulate', 0)],
  ],
  route: ROUTE,
  dispatch: [
    ['no rows', is('rows', 0)],
    ['several rows', isOver('rows', 1)],
    ['an expert with rows', (facts) => counts(facts).some((count) => count > 0)],
    ['an expert without rows', (facts) => counts(facts).includes(0)],
  ],
  combine: [
    ...ROWS.slice(0, 2),
    ...COUNT,
    ...COLUMNS,
    ['a token outside of the rows', indexOutside('list', 'rows')],
    ['one token twice', (facts) => hasTwice(tokens(facts))],
  ],
  zero: [...ROWS.slice(0, 2), ...COLUMNS],
  scale: [...ROWWISE, ...COUNT, ...FACTORS],
  scaleAdd: [...ROWS, ...INNER, ...COLUMNS, ['result in place', IN_PLACE], ...FACTORS],
  topk: [
    ...ROWS,
    ...INNER,
    ...COLUMNS,
    ...VISIBLE,
    ['several chosen', isOver('topK', 1)],
    ['fewer seen than chosen', ({ f, state }) => seenFirst(f, state) < f['topK']!],
  ],
  mix: [
    ...ROWS.slice(0, 2),
    ...COLUMNS,
    ['one term', is('terms', 1)],
    ['several terms', isOver('terms', 1)],
    ['one number for all terms', is('bInner', 0)],
    ['accumulates', is('accumulate', 1)],
    ['starts anew', is('accumulate', 0)],
  ],
};

/** What a dispatch counted. */
function counts(facts: Facts): number[] {
  const { f } = facts;
  return Array.from({ length: f['columns']! }, (_, e) => wordAt(facts, f['d']! + 4 * e));
}

function tokens(facts: Facts): number[] {
  return Array.from({ length: facts.rows }, (_, r) => wordAt(facts, facts.f['list']! + 4 * r));
}

function hasTwice(values: readonly number[]): boolean {
  return new Set(values).size < values.length;
}
