/**
 * Rows of attention state: how a step stores its own in memory, and how those of a sequence come to the
 * chip again, in pieces small enough that several fit in the ring.
 */
import { UnsupportedError } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import { lastDim, MX_BLOCK, type MxFormat, type Node, type NodeOf } from '../../../ir/index.ts';
import { blockBytes, NONE } from '../isa.table.ts';
import { isByShift, scalesKey, type StateRegion } from '../memoryRegions.ts';
import { contiguous, type Context } from './context.ts';
import { placeOf, type MxPlacement } from './placement.ts';
import { shift, type Ref } from './tiles.ts';

/** A piece of state is at most this share of the scratchpad, so that several fit in the ring of any step. */
const PIECES = 16;

/** The state rows of one sequence and key head: where they are in memory and what a row is. */
export interface StateRows {
  readonly memory: number;
  readonly region: StateRegion;
  readonly width: number;
  readonly format: MxFormat;
}

/** Rows on the chip: row n at n · stride, its blocks of 32 `blockStride` apart. */
export interface LocalRows {
  readonly at: Ref;
  readonly stride: number;
  readonly blockStride: number;
}

/** Rows that are loaded together, and how many of them are used; whole numbers of blocks of 32. */
export interface Span {
  readonly start: number;
  readonly count: number;
  readonly used: number;
}

/** The rows that a block of attention reads, as columns of its scores. */
export interface Source {
  /** Of keys and of values: what is loaded together, up to column `reach`. */
  readonly keySpans: (reach: number) => Span[];
  readonly valueSpans: (reach: number) => Span[];
  readonly keys: (span: Span) => LocalRows;
  readonly values: (span: Span) => LocalRows;
  /** The scale bytes of the values, one a column. */
  readonly scales: () => Ref;
}

/** Appends rows to a state, and their scale bytes where they are values. */
export function storeState(context: Context, append: Node): void {
  const rows = placeOf(context, append.inputs[1]!) as MxPlacement;
  const tokensPerRow = (append as NodeOf<'append'>).attrs.tokensPerRow ?? 1;
  storeRows(context, stateRegion(context, append), rows, tokensPerRow);
  const scales = scalesRegion(context, append);
  // The values are the first channels of a row and share one scale: that of the first block.
  if (scales !== undefined) storeRows(context, scales, rows, tokensPerRow);
}

/**
 * The first bytes of each row to its position: a store for each sequence, a plane for each part. Where tokens
 * share a row, each writes it, one after another: the last of them stays.
 */
function storeRows(
  context: Context,
  region: StateRegion,
  rows: MxPlacement,
  tokensPerRow: number,
): void {
  const { T } = context.dims;
  const { groups, parts, partBytes, capacity } = region;
  const shared = isByShift(tokensPerRow) ? tokensPerRow : 1;
  if (groups > 1 && parts > 1 && rows.headStride !== parts * partBytes) {
    throw new UnsupportedError('keys of several heads must lie one behind the other', {
      where: region.name,
    });
  }
  const together = shared === 1 ? T : 1;
  for (let row = 0; row < context.dims.B * T; row += together) {
    const sequence = Math.floor(row / T);
    context.tiles.emit('store', {
      ...contiguous(rowsAddress(region, sequence, 0), shift(rows.at, row * rows.stride), partBytes),
      rows: together,
      memoryStride: partBytes,
      localStride: rows.stride,
      planes: groups * parts,
      memoryPlaneStride: capacity * partBytes,
      localPlaneStride: parts > 1 ? partBytes : rows.headStride,
      positionStride: partBytes,
      sequence,
      positionShift: Math.log2(shared),
      positionOffset: row % T,
    });
  }
}

function stateRegion(context: Context, append: Node): StateRegion {
  const [state] = append.inputs as [NodeOf<'state'>];
  return context.layout.regions.get(state.attrs.name) as StateRegion;
}

/** Where the scales of values are; undefined for a state of keys only. */
function scalesRegion(context: Context, append: Node): StateRegion | undefined {
  const [state] = append.inputs as [NodeOf<'state'>];
  return context.layout.regions.get(scalesKey(state)) as StateRegion | undefined;
}

/** Memory address of position 0 of a sequence and key head. */
function rowsAddress(
  { address, groups, parts, partBytes, capacity }: StateRegion,
  sequence: number,
  group: number,
): number {
  return address + (sequence * groups + group) * parts * capacity * partBytes;
}

/** Memory address of row 0 of a sequence and key head: that of the last of its positions. */
function firstRowAddress(region: StateRegion, sequence: number, group: number): number {
  return rowsAddress(region, sequence, group) + (region.step - 1) * region.partBytes;
}

/** Fields of a transfer of `count` rows of so many bytes that lie `step` rows apart in memory. */
export function rowsApart(
  step: number,
  count: number,
  bytes: number,
): Readonly<Record<'rowBytes' | 'rows' | 'memoryStride' | 'localStride', number>> {
  return step === 1
    ? { rowBytes: count * bytes, rows: 1, memoryStride: 0, localStride: 0 }
    : { rowBytes: bytes, rows: count, memoryStride: step * bytes, localStride: bytes };
}

export function stateRows(
  context: Context,
  append: Node,
  sequence: number,
  group: number,
): StateRows {
  const region = stateRegion(context, append);
  const memory = firstRowAddress(region, sequence, group);
  const format = append.type.dtype as MxFormat;
  return { memory, region, width: lastDim(append.type), format };
}

/** Memory address of the first scale byte of the values of a sequence and key head. */
export function scalesAddress(
  context: Context,
  append: Node,
  sequence: number,
  group: number,
): number {
  return firstRowAddress(scalesRegion(context, append)!, sequence, group);
}

/** Bytes of a row, all its parts. */
export function rowBytesOf({ region }: StateRows): number {
  return region.parts * region.partBytes;
}

/** `count` rows at `at`, part by part. */
export function placeOfRows({ region, format }: StateRows, at: Ref, count: number): LocalRows {
  const block = blockBytes(format);
  const blockStride = region.parts === 1 ? block : count * block;
  return { at, stride: region.partBytes, blockStride };
}

export function rowsOfPiece({ scratchpad }: Chip, rowBytes: number): number {
  const fit = Math.floor(scratchpad.sizeBytes / PIECES / rowBytes / MX_BLOCK) * MX_BLOCK;
  return Math.max(fit, MX_BLOCK);
}

/** The first `reach` of `count` rows in pieces of `size`; one when they are few. */
export function spansOf(count: number, size: number, reach: number): Span[] {
  return Array.from({ length: Math.ceil(reach / size) }, (_, i) => {
    const start = i * size;
    return { start, count: Math.min(size, count - start), used: Math.min(size, reach - start) };
  });
}

/** All rows of a sequence and key head, from the first position on. */
export class WholeState {
  private readonly context: Context;
  private readonly rows: StateRows;
  /** Rows that there may be. */
  readonly count: number;
  /** Pieces on the chip, by memory address: loaded when first used. */
  private readonly loaded: Map<number, Ref>;

  constructor(context: Context, rows: StateRows, count: number, loaded: Map<number, Ref>) {
    this.context = context;
    this.rows = rows;
    this.count = count;
    this.loaded = loaded;
  }

  get pieceRows(): number {
    return Math.min(this.count, rowsOfPiece(this.context.chip, rowBytesOf(this.rows)));
  }

  spans(reach: number): Span[] {
    return spansOf(this.count, this.pieceRows, reach);
  }

  /** The rows of a span, as blocks behind one another where the state is stored so. */
  load(span: Span): LocalRows {
    return placeOfRows(this.rows, this.piece(span), span.count);
  }

  /**
   * Part by part. Kept for other blocks, and loaded once where keys are also the values, when these are
   * all rows.
   */
  private piece(span: Span): Ref {
    const { context, rows, loaded } = this;
    const { parts, partBytes, capacity, step } = rows.region;
    const from = rows.memory + span.start * step * partBytes;
    const known = loaded.get(from);
    if (known !== undefined) return known;
    const at = context.tiles.allocate('state', 'context', parts * span.count * partBytes);
    context.tiles.emit('load', {
      ...contiguous(from, at, partBytes),
      ...rowsApart(step, span.count, partBytes),
      planes: parts,
      memoryPlaneStride: capacity * partBytes,
      localPlaneStride: span.count * partBytes,
      unless: NONE,
    });
    if (span.count === this.count) loaded.set(from, at);
    return at;
  }
}
