/**
 * One tile of a product: up to eight rows of int8 activations times the 32 rows of a panel. Sums of more than six rows are in
 * memory, which the ports that multiply do not notice, and each code is unpacked once for all rows.
 *
 * The sums of a part of a block are exact integers: out[m][n] += f32(Σ u·a − bias·Σa) · (scaleW[n] · scaleA[m]), and where
 * there are mins out[m][n] += f32(−Σa) · (minW[n] · scaleA[m]), part by part in ascending order; factors are rounded, product
 * and sum together: the same bits whatever the tile, and as those of WebAssembly where that fuses too.
 */
import {
  at,
  broadcast,
  type FunctionBuilder,
  type General,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import { ACTIVATION_BLOCK, sumOfPart } from '../kernels/quantizeRows.ts';
import { LINE_BYTES, PANEL_ROWS } from '../panels/panelFormats.table.ts';
import {
  GROUPS,
  startBlock,
  withPlace,
  type BlockPlace,
  type PanelReader,
} from './panelReaders.ts';
import { loadCorrection } from './byteDots.ts';
import type { Columns } from './columns.ts';
import {
  atRow,
  freeRowPointers,
  loadRowPointers,
  type RowCells,
  type RowPointers,
} from './rowTile.ts';
import {
  BOTH,
  emitZero,
  fullVector,
  isWide,
  pair,
  stripsOf,
  type Pair,
  type Strip,
} from './width.ts';

const COLUMN_BYTES = 4;

/** What a tile works on. */
export interface TilePlace {
  /** Activations; moved past the blocks read. */
  readonly x: RowPointers;
  /** Weights; moved likewise. */
  readonly w: General;
  /** Blocks to do, at least one; 0 afterwards. */
  readonly blocks: General;
  readonly out: RowCells;
  /** Which of the 32 columns there are. */
  readonly columns: Columns;
  /** Weights to fetch meanwhile. */
  readonly fetches: readonly Fetch[];
  /** Zero for the first blocks of a row: sums start from nothing, otherwise from `out`. */
  readonly blocksBefore: Memory;
}

/** So many bytes a block into a cache, at a distance from `w`, or from a register that is moved past them. */
export interface Fetch {
  readonly from: General;
  readonly distanceBytes: number;
  readonly bytes: number;
  readonly cache: 'first' | 'second';
}

const PREFETCH = { first: 'prefetcht0', second: 'prefetcht1' } as const;

/** Where the sums of a row are: vectors of the strips of the panel. */
export type Sums = readonly (Vector | Memory)[];

/** Registers of a tile. */
interface TileRegisters {
  readonly integers: readonly Pair[];
  readonly sums: readonly Sums[];
  readonly lines: Pair;
  readonly factors: Pair;
  readonly activation: Vector;
  readonly product: Vector;
  readonly constants: readonly Vector[];
}

/** Emit the tile of `rows` rows. */
export function emitTile(
  f: FunctionBuilder,
  reader: PanelReader,
  constants: readonly Vector[],
  place: TilePlace,
  rows: number,
): void {
  const sums = rows > rowsInRegisters(f) ? slots(f, rows) : rowVectors(f, rows);
  const lines = pair(f);
  startSums(f, place, sums, lines[0]);
  const integers = Array.from({ length: rows }, () => pair(f));
  const [factors, activation, product] = [pair(f), fullVector(f), fullVector(f)];
  const registers = { integers, lines, factors, activation, product, constants };
  withPlace(f, reader, place.w, (at) =>
    f.repeat(place.blocks, () => {
      startBlock(f, reader, place.blocks, at);
      for (const [number, strip] of stripsOf(f).entries()) {
        const ofStrip = sums.map((row) => row.slice(2 * number, 2 * number + 2));
        for (let part = 0; part < reader.parts; part++)
          addPart(f, reader, place, at, { part, strip }, { ...registers, sums: ofStrip });
      }
      advanceFetches(f, place);
      f.emit('add', place.x.base, ACTIVATION_BLOCK.bytes).emit('add', place.w, reader.blockBytes);
    }),
  );
  f.free(product, activation, ...factors, ...integers.flat());
  storeSums(f, place, sums, lines[0]);
  f.free(...lines, ...sums.flat().filter((sum) => sum.kind === 'vector'));
}

/** The rows whose sums stay in registers. */
function rowsInRegisters(f: FunctionBuilder): number {
  return isWide(f) ? 6 : 1;
}

function addPart(
  f: FunctionBuilder,
  reader: PanelReader,
  { x, fetches }: TilePlace,
  place: BlockPlace,
  { part, strip }: { readonly part: number; readonly strip: Strip },
  { integers, sums, lines, factors, activation, product, constants }: TileRegisters,
): void {
  const { dot, bias } = reader;
  const sumAt = sumOfPart(reader.parts, part);
  for (const [m, both] of integers.entries()) dot.start(f, both, atRow(x, m, sumAt), bias);
  const groups = GROUPS / reader.parts;
  for (let group = groups * part; group < groups * (part + 1); group++) {
    if (strip[0] === 0) fetchShare(f, fetches, group, GROUPS);
    reader.loadGroup(f, place.block, group, strip, lines, factors, constants);
    dot.prepare(f, lines, factors);
    for (const [m, both] of integers.entries()) {
      dot.add(f, both, lines, { activation, spare: factors, product }, atRow(x, m, 4 * group));
    }
  }
  for (const [m, both] of integers.entries())
    dot.finish(f, both, atRow(x, m, sumAt), bias, activation);
  for (const kind of reader.hasMin ? (['scale', 'min'] as const) : (['scale'] as const)) {
    reader.loadFactors(f, place, kind, part, strip, factors, lines);
    for (const [m, both] of integers.entries()) {
      if (kind === 'min') loadCorrection(f, both, atRow(x, m, sumAt), 1);
      addScaled(f, atRow(x, m, ACTIVATION_BLOCK.scaleAt), both, sums[m]!, factors, lines);
    }
  }
}

/**
 * Fetch a share of what belongs to a block. Bursts would hold up the loads of the tile, which wait for the same few places for
 * lines that are on their way.
 */
export function fetchShare(
  f: FunctionBuilder,
  fetches: readonly Fetch[],
  share: number,
  shares: number,
): void {
  for (const { from, distanceBytes, bytes, cache } of fetches) {
    const lines = Math.ceil(bytes / LINE_BYTES);
    const [first, end] = [share, share + 1].map((i) => Math.ceil((i * lines) / shares));
    for (let line = first!; line < end!; line++)
      f.emit(PREFETCH[cache], at(from, distanceBytes + LINE_BYTES * line));
  }
}

export function advanceFetches(f: FunctionBuilder, { fetches, w }: TilePlace): void {
  for (const { from, bytes } of fetches) if (from !== w) f.emit('add', from, bytes);
}

/** Room for the sums of rows, line by line. */
function slots(f: FunctionBuilder, rows: number): Sums[] {
  return Array.from({ length: rows }, () => {
    const lines = BOTH.map(() => f.slot(LINE_BYTES));
    if (isWide(f)) return lines;
    return lines.flatMap((line) => [
      line,
      { ...line, displacement: line.displacement + LINE_BYTES / 2 },
    ]);
  });
}

/** Registers for the sums of rows. */
export function rowVectors(f: FunctionBuilder, rows: number): Vector[][] {
  return Array.from({ length: rows }, () => stripsOf(f).flatMap(() => pair(f)));
}

/** Add integers times (factor · scaleA). */
function addScaled(
  f: FunctionBuilder,
  scale: Memory,
  integers: Pair,
  sums: Sums,
  factors: Pair,
  spare: Pair,
): void {
  for (const [h, sum] of integers.entries()) {
    f.emit('vcvtdq2ps', sum, sum);
    emitScale(f, spare[h]!, factors[h]!, scale);
    const to = sums[h]!;
    if (to.kind === 'vector') f.emit('vfmadd231ps', to, sum, spare[h]!);
    else f.emit('vfmadd213ps', sum, spare[h]!, to).emit('vmovups', to, sum);
  }
}

/** to = factor · scale, a number in memory. */
function emitScale(f: FunctionBuilder, to: Vector, factor: Vector, scale: Memory): void {
  if (isWide(f)) f.emit('vmulps', to, factor, broadcast(scale));
  else f.emit('vbroadcastss', to, scale).emit('vmulps', to, factor, to);
}

/** Sums of before, or zeros; where they go to is fetched. `spare` is overwritten where sums are in memory. */
export function startSums(
  f: FunctionBuilder,
  { out: cells, columns, blocksBefore }: TilePlace,
  sums: readonly Sums[],
  spare: Vector,
): void {
  const [more, ready] = [f.label('more'), f.label('ready')];
  const out = loadRowPointers(f, cells, sums.length);
  f.emit('cmp', blocksBefore, 0).emit('jne', more);
  emitZero(f, spare);
  for (const [m, row] of sums.entries()) {
    for (const sum of row) f.emit('vmovups', sum, spare);
    for (let line = 0; line < PANEL_ROWS * COLUMN_BYTES; line += LINE_BYTES)
      f.emit('prefetchw', atRow(out, m, line));
  }
  f.emit('jmp', ready).place(more);
  eachSum(f, sums, (sum, m, first) => {
    const to = sum.kind === 'vector' ? sum : spare;
    columns.load(to, atRow(out, m, COLUMN_BYTES * first), first);
    if (to !== sum) f.emit('vmovups', sum, to);
  });
  freeRowPointers(f, out);
  f.place(ready);
}

/** `spare` is overwritten where sums are in memory. */
export function storeSums(
  f: FunctionBuilder,
  { out: cells, columns }: TilePlace,
  sums: readonly Sums[],
  spare: Vector,
): void {
  const out = loadRowPointers(f, cells, sums.length);
  eachSum(f, sums, (sum, m, first) => {
    const from = sum.kind === 'vector' ? sum : spare;
    if (from !== sum) f.emit('vmovups', from, sum);
    columns.store(atRow(out, m, COLUMN_BYTES * first), from, first);
  });
  freeRowPointers(f, out);
}

/** `first` is the first column of a sum's vector. */
function eachSum(
  f: FunctionBuilder,
  sums: readonly Sums[],
  body: (sum: Vector | Memory, row: number, first: number) => void,
): void {
  const columns = stripsOf(f).flat();
  for (const [m, row] of sums.entries()) row.forEach((sum, i) => body(sum, m, columns[i]!));
}
