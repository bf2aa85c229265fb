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
  merging,
  zeroing,
  type FunctionBuilder,
  type General,
  type Mask,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import { ACTIVATION_BLOCK, sumOfPart } from '../kernels/quantizeRows.ts';
import { LINE_BYTES } from '../panels/panelFormats.table.ts';
import {
  GROUPS,
  loadCorrection,
  startBlock,
  withPlace,
  type BlockPlace,
  type Pair,
  type PanelReader,
} from './panelReaders.ts';
import {
  atRow,
  freeRowPointers,
  loadRowPointers,
  MAX_ROWS,
  type RowCells,
  type RowPointers,
} from './rowTile.ts';

/** What a tile works on. */
export interface TilePlace {
  /** Activations; moved past the blocks read. */
  readonly x: RowPointers;
  /** Weights; moved likewise. */
  readonly w: General;
  /** Blocks to do, at least one; 0 afterwards. */
  readonly blocks: General;
  readonly out: RowCells;
  /** Which of the 32 columns there are, sixteen each. */
  readonly columns: readonly [Mask, Mask];
  /** Weights to fetch from memory meanwhile: so many bytes a block, from a distance beyond `base`. */
  readonly ahead: Ahead | undefined;
  /** Zero for the first blocks of a row: sums start from nothing, otherwise from `out`. */
  readonly blocksBefore: Memory;
}

interface Ahead {
  readonly base: General;
  readonly distance: number;
  readonly bytes: number;
}

/** Where the sums of a row are. */
export type Sums = Pair | readonly [Memory, Memory];

/** Registers of a tile. */
interface TileRegisters {
  readonly integers: readonly Pair[];
  readonly sums: readonly Sums[];
  readonly lines: Pair;
  readonly factors: Pair;
  readonly activation: Vector;
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
  const pairs = (): Pair[] => Array.from({ length: rows }, () => pair(f));
  const [integers, lines, factors] = [pairs(), pair(f), pair(f)];
  const sums = rows > MAX_ROWS ? slots(f, rows) : pairs();
  const registers = { sums, integers, lines, factors, activation: f.vector(512), constants };
  startSums(f, place, sums, lines[0]);
  withPlace(f, reader, place.w, (at) =>
    f.repeat(place.blocks, () => {
      startBlock(f, reader, place.blocks, at);
      if (place.ahead) fetchAhead(f, place.ahead);
      for (let part = 0; part < reader.parts; part++)
        addPart(f, reader, place, at, part, registers);
      f.emit('add', place.x.base, ACTIVATION_BLOCK.bytes).emit('add', place.w, reader.blockBytes);
    }),
  );
  storeSums(f, place, sums, lines[0]);
  const inRegisters = sums.flat().filter((sum) => sum.kind === 'vector');
  f.free(registers.activation, ...factors, ...lines, ...integers.flat(), ...inRegisters);
}

function addPart(
  f: FunctionBuilder,
  reader: PanelReader,
  { x }: TilePlace,
  place: BlockPlace,
  part: number,
  { integers, sums, lines, factors, activation, constants }: TileRegisters,
): void {
  const sumAt = sumOfPart(reader.parts, part);
  for (const [m, both] of integers.entries())
    loadCorrection(f, both, atRow(x, m, sumAt), reader.bias);
  const groups = GROUPS / reader.parts;
  for (let group = groups * part; group < groups * (part + 1); group++) {
    reader.loadGroup(f, place.block, group, lines, factors, constants);
    for (const [m, [a, b]] of integers.entries()) {
      f.emit('vpbroadcastd', activation, atRow(x, m, 4 * group));
      f.emit('vpdpbusd', a, lines[0], activation).emit('vpdpbusd', b, lines[1], activation);
    }
  }
  for (const kind of reader.hasMin ? (['scale', 'min'] as const) : (['scale'] as const)) {
    reader.loadFactors(f, place, kind, part, factors, lines);
    for (const [m, both] of integers.entries()) {
      if (kind === 'min') loadCorrection(f, both, atRow(x, m, sumAt), 1);
      addScaled(f, atRow(x, m, ACTIVATION_BLOCK.scaleAt), both, sums[m]!, factors, lines);
    }
  }
}

export function fetchAhead(f: FunctionBuilder, { base, distance, bytes }: Ahead): void {
  for (let line = 0; line < bytes; line += LINE_BYTES)
    f.emit('prefetcht0', at(base, distance + line));
  f.emit('add', base, bytes);
}

function slots(f: FunctionBuilder, rows: number): Sums[] {
  return Array.from({ length: rows }, () => [f.slot(LINE_BYTES), f.slot(LINE_BYTES)] as const);
}

export function pair(f: FunctionBuilder): Pair {
  return [f.vector(512), f.vector(512)];
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
    f.emit('vcvtdq2ps', sum, sum).emit('vmulps', spare[h]!, factors[h]!, broadcast(scale));
    const to = sums[h]!;
    if (to.kind === 'vector') f.emit('vfmadd231ps', to, sum, spare[h]!);
    else f.emit('vfmadd213ps', sum, spare[h]!, to).emit('vmovups', to, sum);
  }
}

/** `spare` is overwritten where sums are in memory. */
export function startSums(
  f: FunctionBuilder,
  { out: cells, columns, blocksBefore }: TilePlace,
  sums: readonly Sums[],
  spare: Vector,
): void {
  const [more, ready] = [f.label('more'), f.label('ready')];
  f.emit('cmp', blocksBefore, 0).emit('jne', more).emit('vpxord', spare, spare, spare);
  for (const sum of sums.flat()) f.emit('vmovups', sum, spare);
  f.emit('jmp', ready).place(more);
  const out = loadRowPointers(f, cells, sums.length);
  eachSum(sums, (sum, m, h) => {
    const to = sum.kind === 'vector' ? sum : spare;
    f.emit('vmovups', zeroing(to, columns[h]), atRow(out, m, LINE_BYTES * h));
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
  eachSum(sums, (sum, m, h) => {
    const from = sum.kind === 'vector' ? sum : spare;
    if (from !== sum) f.emit('vmovups', from, sum);
    f.emit('vmovups', merging(atRow(out, m, LINE_BYTES * h), columns[h]), from);
  });
  freeRowPointers(f, out);
}

function eachSum(
  sums: readonly Sums[],
  body: (sum: Vector | Memory, row: number, half: 0 | 1) => void,
): void {
  for (const [m, both] of sums.entries()) both.forEach((sum, h) => body(sum, m, h as 0 | 1));
}
