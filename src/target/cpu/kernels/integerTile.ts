/**
 * Tiles of products of rows in 8 bits (quantizeRows.ts) and panels of integers.
 *
 * The sums of a part of a block are exact integers. An output is the sum over the parts in ascending order, from 0, of
 * f32(Σ level·a − bias·Σa) · (scaleW · scaleA), and for formats with mins then f32(−Σa) · (minW · scaleA), every
 * operation rounded by itself: the same bits whatever the tile, and as those of the machine code.
 */
import { type FunctionBuilder, type Local } from '../../../wasm/index.ts';
import { type IntegerFormat } from '../panels/panelFormats.table.ts';
import { layoutOf } from '../panels/panelLayout.ts';
import {
  HALF_BYTES,
  isNarrow,
  narrowSums,
  VECTOR_ROWS,
  wideSums,
  type BlockSums,
} from './panelCodes.ts';
import { pushFactor, type FactorPlaces } from './panelScales.ts';
import { vectorLocals, type Tile, type TileSite } from './panelTile.ts';
import { ACTIVATION_BLOCK, sumOfPart } from './quantizeRows.ts';
import { pushRow, VECTOR_BYTES } from './vectors.ts';

/** The most rows first; eight sums in registers each. */
const WIDE_TILES: readonly Tile[] = [
  { rows: 4, vectors: 1, atOnce: 1 },
  { rows: 2, vectors: 2, atOnce: 2 },
  { rows: 1, vectors: 8, atOnce: 4 },
];
const NARROW_TILES: readonly Tile[] = [
  { rows: 4, vectors: 2, atOnce: 2 },
  { rows: 2, vectors: 4, atOnce: 4 },
  { rows: 1, vectors: 8, atOnce: 8 },
];

/** Activations carry their sums times −128. */
const SUM_SHIFT = 7;

/** `relaxed`: whether the host has relaxed SIMD. */
export function integerTiles(format: IntegerFormat, relaxed: boolean): readonly Tile[] {
  return relaxed && isNarrow(format) ? NARROW_TILES : WIDE_TILES;
}

/** What the parts of a block need: pointers, and registers for sums, scales and mins. */
interface PartSite extends TileSite {
  readonly format: IntegerFormat;
  readonly places: FactorPlaces;
  readonly lines: Local;
  readonly sums: BlockSums;
  readonly scales: readonly Local[];
  readonly mins: readonly Local[];
}

/** Emits the sums of a tile. */
export function integerSums(
  site: TileSite,
  format: IntegerFormat,
  { rows, vectors, atOnce }: Tile,
  relaxed: boolean,
): () => void {
  const { f, p, at, x, start } = site;
  const { unitBlocks, headerBytes, blockBytes, unitBytes } = layoutOf(format);
  const [unit, block] = [f.local('i32', 'unit'), f.local('i32', 'block')];
  const [header, integers] = [f.local('i32', 'header'), f.local('i32', 'integers')];
  const lines = f.local('i32', 'lines');
  const [scales, mins] = vectorLocals(f, 2, atOnce) as [Local[], Local[]];
  const sums = (relaxed && isNarrow(format) ? narrowSums : wideSums)(f, format, rows, atOnce);
  const parts = { ...site, format, places: { header, integers }, lines, sums, scales, mins };
  const addBlock = (): void => {
    for (let part = 0; part < format.scaling.parts; part++) {
      for (let i = 0; i < vectors; i += atOnce) addPart(parts, range(i, atOnce), part);
    }
    for (const pointer of x) f.advance(pointer, ACTIVATION_BLOCK.bytes);
    f.advance(lines, blockBytes).advance(integers, blockBytes);
  };
  return () =>
    f.forLoop(unit, 0, p.blocks, unitBlocks, () => {
      pushRow(f, start, at, VECTOR_ROWS * HALF_BYTES).set(header);
      pushRow(f, start, at, VECTOR_BYTES).i32(headerBytes).emit('i32.add').set(lines);
      pushRow(f, start, at, VECTOR_ROWS).i32(headerBytes).emit('i32.add').set(integers);
      if (unitBlocks === 1) addBlock();
      else f.forLoop(block, 0, unitBlocks, 1, addBlock);
      f.advance(start, unitBytes);
    });
}

function addPart(site: PartSite, vectors: readonly number[], part: number): void {
  const { f, p, x, totals, format, places, lines, sums, scales, mins } = site;
  sums.multiply({ x, lines, table: p.table }, vectors, part);
  for (const [i, vector] of vectors.entries()) {
    pushFactor(f, format, 'scale', places, vector, part).set(scales[i]!);
    if (format.scaling.hasMin) pushFactor(f, format, 'min', places, vector, part).set(mins[i]!);
  }
  for (const [m, row] of totals.entries()) {
    for (const [i, vector] of vectors.entries()) {
      const place = { x: x[m]!, sumAt: sumOfPart(format.scaling.parts, part) };
      sums.push(m, i);
      addBias(f, place, format.bias);
      addScaled(f, place, scales[i]!, row[vector]!);
      if (!format.scaling.hasMin) continue;
      f.get(place.x).emit('v128.load32_splat', place.sumAt).i32(SUM_SHIFT);
      addScaled(f.emit('i32x4.shr_s'), place, mins[i]!, row[vector]!);
    }
  }
}

/** The activations of a block, and where in it the sum of the part is. */
interface RowPlace {
  readonly x: Local;
  readonly sumAt: number;
}

/** Pops sums of levels and pushes them less bias · Σa. */
function addBias(f: FunctionBuilder, { x, sumAt }: RowPlace, bias: number): void {
  if (bias === 0) return;
  f.get(x).emit('v128.load32_splat', sumAt);
  f.i32(SUM_SHIFT - Math.log2(bias))
    .emit('i32x4.shr_s')
    .emit('i32x4.add');
}

/** Pops integers and adds them, times (factor · scaleA), to the total. */
function addScaled(f: FunctionBuilder, { x }: RowPlace, factor: Local, total: Local): void {
  f.emit('f32x4.convert_i32x4_s');
  f.get(factor).get(x).emit('v128.load32_splat', ACTIVATION_BLOCK.scaleAt);
  f.emit('f32x4.mul').emit('f32x4.mul').get(total).emit('f32x4.add').set(total);
}

function range(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start + i);
}
