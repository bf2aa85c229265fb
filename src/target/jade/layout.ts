/**
 * The map of the chip's external memory: weights, constants, state and the mailbox of the host.
 *
 * It depends on the graph, the chip and the context length only, so every program of a model, whatever
 * its shape bucket, runs on the same memory image.
 *
 * A weight is stored in tiles of at most tileRows × tileColumns, each one contiguous transfer of its
 * blocks [columns / 32][rows]: what the array takes for one step along k lies together. Tiles follow
 * each other along k, then along n, then by plane (head or expert), each in a slot of the same size.
 *
 * A state of keys is stored by block, [B][G][block][capacity], as the array takes weights. One of values
 * is read along positions and stored by row, [B][G][capacity][row], keys or not; it has a second array, of
 * the scale byte of each row, [B][G][capacity].
 */
import type { Chip } from '../../chip/index.ts';
import {
  countElements,
  isMx,
  isReplaced,
  lastDim,
  topologicalOrder,
  MX_BLOCK,
  type Graph,
  type MxFormat,
  type Node,
  type NodeOf,
  wholeBlocks,
} from '../../ir/index.ts';
import { filledBy } from './filledRows.ts';
import { blockBytes } from './isa.table.ts';
import {
  type ChoicesRegion,
  type EdgeRegion,
  type EndsRegion,
  type FilledRegion,
  type Items,
  type LaterRegion,
  type NewestRegion,
  type PastRegion,
  type PlainRegion,
  type ReplacedRegion,
  type RotaryRegion,
  type SinksRegion,
  type StateRegion,
  type TiledWeight,
  GIVEN_ROWS,
  HIDDEN_ROWS,
  choicesKey,
  edgeKey,
  endsKey,
  filledKey,
  isByShift,
  isGiven,
  laterKey,
  mxRowBytes,
  newestKey,
  ngramsKey,
  pastKey,
  rampKey,
  rotaryKey,
  scalesKey,
  sinksKey,
  tapsKey,
} from './memoryRegions.ts';
import { tileOf } from './tiles.ts';

export interface MemoryLayout {
  readonly weights: ReadonlyMap<string, TiledWeight>;
  readonly regions: ReadonlyMap<string, PlainRegion>;
  readonly contextTokens: number;
  /** Slots of each state. */
  readonly batch: number;
  readonly sizeBytes: number;
}

const ALIGNMENT_BYTES = 64;
/** Operators whose operands but the first are kept as they are, in f32, where they are weights. */
const ROW_CONSTANTS: ReadonlySet<Node['op']> = new Set([
  'rmsNormalization',
  'add',
  'mul',
  'route',
  'hyperConnection',
  'nGramGate',
  'layerNormalization',
]);
/** Tokens, next tokens and logits of the largest step. */
export const MAX_STEP_ROWS = 256;

export function planLayout(
  graph: Graph,
  chip: Chip,
  contextTokens: number,
  batch: number,
): MemoryLayout {
  return new Layout(chip, contextTokens, batch).build(graph);
}

class Layout {
  private readonly weights = new Map<string, TiledWeight>();
  private readonly regions = new Map<string, PlainRegion>();
  /** Weights whose outputs are quantised while only some rows are known: whole blocks of outputs. */
  private readonly filled = new Set<Node>();
  /** Positions from row to row of the states that have more than one, by name. */
  private readonly steps = new Map<string, number>();
  private cursor = 0;
  private readonly chip: Chip;
  private readonly contextTokens: number;
  private readonly batch: number;

  constructor(chip: Chip, contextTokens: number, batch: number) {
    this.chip = chip;
    this.contextTokens = contextTokens;
    this.batch = batch;
  }

  build(graph: Graph): MemoryLayout {
    const { type } = graph.outputs.get('logits')!;
    const logitRows = type.shape[1] === 1 ? this.batch : MAX_STEP_ROWS;
    this.mailbox('tokens', MAX_STEP_ROWS);
    this.mailbox('next', MAX_STEP_ROWS);
    this.mailbox('logits', logitRows * lastDim(type));
    const nodes = topologicalOrder(graph).toSorted((a, b) =>
      a.label < b.label ? -1 : Number(a.label > b.label),
    );
    this.hiddenRows(graph.outputs.get('hidden'), HIDDEN_ROWS);
    this.hiddenRows(nodes.find(isGiven), GIVEN_ROWS);
    const values = new Set(nodes.flatMap(valuesOf));
    this.constants(nodes);
    for (const { op, inputs } of nodes)
      if (op === 'experts') inputs.slice(2, 4).forEach((weight) => this.filled.add(weight));
    for (const node of nodes) if (node.op === 'append') this.step(node);
    nodes.forEach((node) => this.place(node, values));
    const { weights, regions, contextTokens, batch, cursor } = this;
    return { weights, regions, contextTokens, batch, sizeBytes: cursor };
  }

  private place(node: Node, values: ReadonlySet<Node>): void {
    if (node.op === 'quantize' && node.inputs[0]!.op === 'weight')
      this.tiles(node, node.inputs[0]!);
    else if (node.op === 'embedding') this.constant(node.inputs[1]!, 'bf16', 2);
    else if (ROW_CONSTANTS.has(node.op))
      node.inputs.slice(1).forEach((weight) => this.constant(weight, 'f32', 4));
    else if (node.op === 'windowAttention') this.window(node);
    else if (node.op === 'compress') this.compress(node);
    else if (node.op === 'blockRows') this.blocks(node);
    else if (node.op === 'topRows') this.visibleRows(node.attrs.tokensPerRow);
    else if (node.op === 'topBlocks') this.newestBlocks(node);
    else if (node.op === 'routeByToken') this.choices(node);
    else if (node.op === 'causalConvolution') this.taps(node.inputs[2]!);
    else if (node.op === 'ngramRows')
      this.mailbox(ngramsKey(node), MAX_STEP_ROWS * lastDim(node.type));
    else if (node.op === 'rotaryEmbedding') this.rotary(node);
    else if (node.op === 'state') this.state(node, values.has(node));
    else if (node.op === 'attention') valuesOf(node).forEach((state) => this.valueScales(state));
  }

  /** Where positions are not divided by a shift, each has a row, and that of the last token of several counts. */
  private step({ attrs: { tokensPerRow = 1 }, inputs }: NodeOf<'append'>): void {
    const { name } = (inputs[0] as NodeOf<'state'>).attrs;
    if (!isByShift(tokensPerRow)) this.steps.set(name, tokensPerRow);
  }

  private mailbox(name: string, words: number): void {
    this.region({ kind: 'mailbox', name }, words * 4);
  }

  private hiddenRows(rows: Node | undefined, name: string): void {
    if (rows !== undefined) this.mailbox(name, MAX_STEP_ROWS * lastDim(rows.type));
  }

  private take(sizeBytes: number): number {
    const address = this.cursor;
    this.cursor = Math.ceil((address + sizeBytes) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    return address;
  }

  private region<R extends Omit<PlainRegion, 'address' | 'sizeBytes'>>(
    region: R,
    sizeBytes: number,
  ): void {
    if (this.regions.has(region.name)) return;
    this.regions.set(region.name, { ...region, address: this.take(sizeBytes), sizeBytes });
  }

  /** Rows of one number each. */
  private constants(nodes: readonly Node[]): void {
    const counts = new Map<number, number>();
    for (const [value, count] of nodes.flatMap(filledBy))
      counts.set(value, Math.max(count, counts.get(value) ?? 0));
    for (const [value, count] of counts) {
      const region = { kind: 'filled', name: filledKey(value), value } as FilledRegion;
      this.region(region, count * 4);
    }
  }

  private taps(weight: Node): void {
    const sizeBytes = countElements(weight.type.shape as number[]) * 4;
    this.region({ kind: 'taps', name: tapsKey(weight) }, sizeBytes);
  }

  private choices({ type, inputs }: NodeOf<'routeByToken'>): void {
    const table = inputs[2] as NodeOf<'weight'>;
    const [tokens, experts] = [table.type.shape[0] as number, lastDim(type)];
    const region = { kind: 'choices', name: choicesKey(table), experts } as ChoicesRegion;
    this.region(region, tokens * experts * 2);
  }

  private constant(weight: Node, kind: 'f32' | 'bf16', bytes: number): void {
    if (weight.op !== 'weight') return;
    const elements = countElements(weight.type.shape as number[]);
    this.region({ kind, name: `${kind}:${weight.attrs.name}` }, elements * bytes);
  }

  private rotary(node: NodeOf<'rotaryEmbedding'>): void {
    const { frequencies, magnitude, offset = 0 } = node.attrs;
    const sizeBytes = this.contextTokens * frequencies.length * 2 * 4;
    this.region(
      { kind: 'rotary', name: rotaryKey(node), frequencies, magnitude, offset } as RotaryRegion,
      sizeBytes,
    );
  }

  private state(node: NodeOf<'state'>, isValues: boolean): void {
    if (isReplaced(node.type)) return isMx(node.type.dtype) ? undefined : this.replaced(node);
    const format = node.type.dtype as MxFormat;
    const width = lastDim(node.type);
    if (isValues) this.stateRows(node.attrs.name, node, 1, mxRowBytes(width, format));
    else this.stateRows(node.attrs.name, node, width / MX_BLOCK, blockBytes(format));
  }

  /** The last rows of a window and those of a step behind them, and as many scale bytes. */
  private window(node: NodeOf<'windowAttention'>): void {
    const { attrs, type } = node.inputs[0] as NodeOf<'state'>;
    const room = type.shape[1] as number;
    const rows = wholeBlocks(room) + MAX_STEP_ROWS;
    const rowBytes = mxRowBytes(lastDim(type), type.dtype as MxFormat);
    for (const [name, sequenceBytes] of [
      [attrs.name, rows * rowBytes],
      [`scales:${attrs.name}`, rows + MX_BLOCK],
    ] as const) {
      const region = { kind: 'replaced', name, sequenceBytes } as ReplacedRegion;
      this.region(region, this.batch * sequenceBytes);
    }
    this.past(room);
    valuesOf(node).forEach((entries) => this.valueScales(entries));
    this.visibleRows(node.attrs.tokensPerRow);
    const sinks = node.inputs[3] as NodeOf<'weight'>;
    const width = wholeBlocks(room) - room + MX_BLOCK;
    const { scale } = node.attrs;
    const place = { name: sinksKey(node), weight: sinks.attrs.name, scale, room } as SinksRegion;
    this.region({ ...place, kind: 'sinks' }, (sinks.type.shape[0] as number) * width * 4);
  }

  private past(room: number): void {
    const past = { kind: 'past', name: pastKey(room), room } as PastRegion;
    this.region(past, (room + this.contextTokens) * 4);
  }

  private compress({ attrs, inputs }: NodeOf<'compress'>): void {
    const { tokensPerRow: tokens, overlap } = attrs;
    if (inputs[3] !== undefined) this.constant(inputs[3], 'f32', 4);
    if (overlap) this.past(2 * tokens - 1);
    const ends = { kind: 'ends', name: endsKey(tokens), tokens } as EndsRegion;
    this.region(ends, this.contextTokens * 4);
  }

  /** Where rows are not visible by a shift: what is added to scores of those, and what others are among those. */
  private visibleRows(tokensPerRow = 1): void {
    if (isByShift(tokensPerRow)) return;
    this.edges({ tokensPerRow, blockRows: 1 }, [0, -Infinity], [1, 0]);
  }

  private newestBlocks({ attrs: { tokensPerRow = 1, blockRows } }: NodeOf<'topBlocks'>): void {
    this.edges({ tokensPerRow, blockRows }, [-Infinity, Infinity], [1, 0]);
  }

  private edges(items: Items, ...edges: readonly (readonly [number, number])[]): void {
    const most = wholeBlocks(this.contextTokens);
    const places = { kind: 'newest', name: newestKey(items), items, most } as NewestRegion;
    this.region(places, this.contextTokens * 4);
    for (const numbers of edges) {
      const edge = { kind: 'edge', name: edgeKey(numbers), numbers, most } as EdgeRegion;
      this.region(edge, (2 * most + 2) * 4);
    }
  }

  private blocks({ attrs: { tokensPerRow: tokens } }: NodeOf<'blockRows'>): void {
    const later = { kind: 'later', name: laterKey(tokens), tokens } as LaterRegion;
    this.region(later, this.contextTokens * (tokens - 1) * 4);
    const ramp: Pick<PlainRegion, 'kind' | 'name'> = { kind: 'ramp', name: rampKey(tokens) };
    this.region(ramp, (this.contextTokens / tokens + 1) * 4);
  }

  private replaced({ type, attrs }: NodeOf<'state'>): void {
    const sequenceBytes = countElements(type.shape.slice(1) as number[]) * 4;
    const region: Omit<ReplacedRegion, 'address' | 'sizeBytes'> = {
      kind: 'replaced',
      name: attrs.name,
      sequenceBytes,
    };
    this.region(region, this.batch * sequenceBytes);
  }

  private valueScales(state: NodeOf<'state'>): void {
    this.stateRows(scalesKey(state), state, 1, 1);
  }

  private stateRows(
    name: string,
    { type, attrs }: NodeOf<'state'>,
    parts: number,
    partBytes: number,
  ): void {
    const groups = type.shape[2] as number;
    const step = this.steps.get(attrs.name) ?? 1;
    const capacity = wholeBlocks(Math.ceil(this.contextTokens / step)) * step;
    const region: Omit<StateRegion, 'address' | 'sizeBytes'> = {
      kind: 'state',
      name,
      groups,
      parts,
      partBytes,
      capacity,
      step,
    };
    this.region(region, this.batch * groups * parts * capacity * partBytes);
  }

  private tiles(node: NodeOf<'quantize'>, weight: NodeOf<'weight'>): void {
    const key = weightKey(node);
    if (this.weights.has(key)) return;
    const { format } = node.attrs;
    const [columns, outputs, planes = 1] = [...(node.type.shape as number[])].toReversed() as [
      number,
      number,
      number?,
    ];
    const rows = this.filled.has(node) ? wholeBlocks(outputs) : outputs;
    const { tileRows, tileColumns } = tileOf(rows, columns, this.chip);
    const bytes = tileRows * mxRowBytes(tileColumns, format);
    const slotBytes = Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    const count = planes * Math.ceil(rows / tileRows) * Math.ceil(columns / tileColumns);
    const address = this.take(count * slotBytes);
    const { name } = weight.attrs;
    this.weights.set(key, {
      kind: 'tiles',
      name,
      address,
      format,
      planes,
      rows,
      columns,
      tileRows,
      tileColumns,
      slotBytes,
    });
  }
}

/** The state of rows that an attention takes its values from; none of one that has a window alone. */
function valuesOf({ op, inputs }: Node): NodeOf<'state'>[] {
  if (op !== 'attention' && op !== 'windowAttention') return [];
  const rows = op === 'attention' ? inputs[2] : inputs[5];
  return rows === undefined ? [] : [rows.inputs[0] as NodeOf<'state'>];
}

/** Key of a tiled weight: its name and format. */
export function weightKey(quantized: Node): string {
  const weight = quantized.inputs[0]!;
  if (quantized.op !== 'quantize' || weight.op !== 'weight')
    throw new Error('a tiled weight is quantize(weight)');
  return `${quantized.attrs.format}:${weight.attrs.name}`;
}
