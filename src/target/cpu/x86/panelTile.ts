/**
 * One tile of a product: up to six rows of int8 activations times the 32 rows of a panel.
 *
 * A block's sums are exact integers: out[m][n] += f32(Σ u·a − bias·Σa) · (scaleW[n] · scaleA[m]), block by block in
 * ascending order, every operation rounded by itself: the same bits as in WebAssembly, whatever the tile.
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
import { ACTIVATION_BLOCK } from '../kernels/quantizeRows.ts';
import { LINE_BYTES, loadCorrection, loadScales, type PanelReader } from './panelReaders.ts';
import { atRow, type RowPointers } from './rowTile.ts';

/** What a tile works on. */
export interface TilePlace {
  /** Activations; moved past the blocks read. */
  readonly x: RowPointers;
  /** Weights; moved likewise. */
  readonly w: General;
  /** Blocks to do, at least one; 0 afterwards. */
  readonly blocks: General;
  readonly out: RowPointers;
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

type Pair = readonly [Vector, Vector];

/** Emit the tile of `rows` rows. */
export function emitTile(
  f: FunctionBuilder,
  reader: PanelReader,
  constants: readonly Vector[],
  place: TilePlace,
  rows: number,
): void {
  const pairs = (): Pair[] => Array.from({ length: rows }, () => pair(f));
  const [sums, integers, lines, scales] = [pairs(), pairs(), pair(f), pair(f)];
  const activation = f.vector(512);
  startSums(f, place, sums);
  f.repeat(place.blocks, () => {
    integers.forEach((both, m) => {
      const sum = atRow(place.x, m, ACTIVATION_BLOCK.sumAt);
      for (const to of both) loadCorrection(f, to, sum, reader.bias);
    });
    if (place.ahead) fetchAhead(f, place.ahead);
    reader.forGroups(f, place.w, lines, constants, (group, [first, second]) => {
      for (const [m, [a, b]] of integers.entries()) {
        f.emit('vpbroadcastd', activation, atRow(place.x, m, 4 * group));
        f.emit('vpdpbusd', a, first, activation).emit('vpdpbusd', b, second, activation);
      }
    });
    loadScales(f, place.w, scales);
    for (const [m, both] of integers.entries())
      addBlock(f, place, m, both, sums[m]!, scales, lines);
    f.emit('add', place.x.base, ACTIVATION_BLOCK.bytes).emit('add', place.w, reader.blockBytes);
  });
  storeSums(f, place, sums);
  f.free(activation, ...scales, ...lines, ...integers.flat(), ...sums.flat());
}

function fetchAhead(f: FunctionBuilder, { base, distance, bytes }: Ahead): void {
  for (let line = 0; line < bytes; line += LINE_BYTES)
    f.emit('prefetcht0', at(base, distance + line));
  f.emit('add', base, bytes);
}

function pair(f: FunctionBuilder): Pair {
  return [f.vector(512), f.vector(512)];
}

function addBlock(
  f: FunctionBuilder,
  { x }: TilePlace,
  row: number,
  integers: Pair,
  sums: Pair,
  scales: Pair,
  spare: Pair,
): void {
  const scale = broadcast(atRow(x, row, ACTIVATION_BLOCK.scaleAt));
  for (const [h, sum] of integers.entries()) {
    f.emit('vcvtdq2ps', sum, sum).emit('vmulps', spare[h]!, scales[h]!, scale);
    f.emit('vmulps', sum, sum, spare[h]!).emit('vaddps', sums[h]!, sums[h]!, sum);
  }
}

function startSums(
  f: FunctionBuilder,
  { out, columns, blocksBefore }: TilePlace,
  sums: Pair[],
): void {
  const [more, ready] = [f.label('more'), f.label('ready')];
  f.emit('cmp', blocksBefore, 0).emit('jne', more);
  for (const sum of sums.flat()) f.emit('vpxord', sum, sum, sum);
  f.emit('jmp', ready).place(more);
  sums.forEach((both, m) =>
    both.forEach((sum, h) => f.emit('vmovups', zeroing(sum, columns[h]!), atRow(out, m, 64 * h))),
  );
  f.place(ready);
}

function storeSums(f: FunctionBuilder, { out, columns }: TilePlace, sums: Pair[]): void {
  sums.forEach((both, m) =>
    both.forEach((sum, h) => f.emit('vmovups', merging(atRow(out, m, 64 * h), columns[h]!), sum)),
  );
}
