/**
 * Tiles of products of rows in 8 bits (quantizeRows.ts) and panels of integers.
 *
 * The sums of a part of a block are exact integers. An output is the sum over the parts in ascending order, from 0, of
 * f32(Σ level·a − bias·Σa) · (scaleW · scaleA), and for formats with mins then f32(−Σa) · (minW · scaleA). Factors are
 * rounded; a product is added with one rounding where the host's relaxed SIMD has fused multiply-add, as machine code does,
 * and with two elsewhere: the same bits whatever the tile.
 */
import type { FunctionBuilder, Local } from '../../../wasm/index.ts';
import type { IntegerFormat } from '../panels/panelFormats.table.ts';
import { layoutOf } from '../panels/panelLayout.ts';
import type { BlockProducts, BlockSite, BlockSums } from './blockSums.ts';
import { HALF_BYTES, VECTOR_ROWS } from './panelCodes.ts';
import { FactorReader, type FactorPlaces } from './panelScales.ts';
import { vectorLocals, type TileSite } from './panelTile.ts';
import { ACTIVATION_BLOCK, sumOfPart } from './quantizeRows.ts';
import { pushRow, VECTOR_BYTES } from './vectors.ts';

/** Activations carry their sums times −128. */
const SUM_SHIFT = 7;

/** What the parts of a block need: pointers, and registers for sums, scales and mins. */
interface PartSite extends TileSite {
  readonly format: IntegerFormat;
  readonly factors: FactorReader;
  readonly places: FactorPlaces;
  readonly source: BlockSite;
  readonly sums: BlockSums;
  readonly scales: readonly Local[];
  readonly mins: readonly Local[];
  readonly fused: boolean;
}

/** Emits the sums of a tile. */
export function integerSums(
  site: TileSite,
  format: IntegerFormat,
  products: BlockProducts,
): () => void {
  const { f, p, at, x, start, rows, vectors } = site;
  const atOnce = products.vectorsAtOnce(rows);
  const inStrips = site.inMemory || atOnce < vectors;
  const { unitBlocks, headerBytes, blockBytes, unitBytes } = layoutOf(format);
  const [unit, block] = [f.local('i32', 'unit'), f.local('i32', 'block')];
  const [header, integers] = [f.local('i32', 'header'), f.local('i32', 'integers')];
  const [first, lines] = [f.local('i32', 'first'), f.local('i32', 'lines')];
  const [scales, mins] = vectorLocals(f, 2, atOnce) as [Local[], Local[]];
  const sums = products.sums(f, rows, atOnce);
  const { fused } = products;
  const factors = new FactorReader(f, format);
  const places = { header, integers };
  const source = { f, x, lines, first: inStrips ? first : undefined, table: p.table };
  const parts = { ...site, format, factors, places, source, sums, scales, mins, fused };
  const advance = (blocks: number): void => {
    for (const pointer of x) f.advance(pointer, blocks * ACTIVATION_BLOCK.bytes);
  };
  const addBlock = (): void => {
    for (let part = 0; part < format.scaling.parts; part++) {
      for (let i = 0; i < vectors; i += atOnce) addPart(parts, range(i, atOnce), part);
    }
  };
  const addUnit = (): void => {
    pushRow(f, start, at, VECTOR_ROWS * HALF_BYTES).set(header);
    f.get(start).i32(headerBytes).emit('i32.add').set(first);
    pushRow(f, first, at, VECTOR_BYTES).set(lines);
    pushRow(f, first, at, VECTOR_ROWS).set(integers);
    if (unitBlocks === 1) {
      addBlock();
      return;
    }
    f.forLoop(block, 0, unitBlocks, 1, () => {
      addBlock();
      advance(1);
      for (const pointer of [first, lines, integers]) f.advance(pointer, blockBytes);
    });
    advance(-unitBlocks);
  };
  return () =>
    f.forLoop(unit, 0, p.blocks, unitBlocks, () => {
      site.forStrips(addUnit);
      advance(unitBlocks);
      f.advance(start, unitBytes);
    });
}

function addPart(site: PartSite, vectors: readonly number[], part: number): void {
  const { f, x, rows, format, factors, places, source, sums, scales, mins, fused } = site;
  sums.multiply(source, vectors, part);
  for (const [i, vector] of vectors.entries()) {
    factors.push('scale', places, vector, part).set(scales[i]!);
    if (format.scaling.hasMin) factors.push('min', places, vector, part).set(mins[i]!);
  }
  const sumAt = sumOfPart(format.scaling.parts, part);
  for (let m = 0; m < rows; m++) {
    site.addToRow(m, (totals) => {
      for (const [i, vector] of vectors.entries()) {
        sums.push(source, m, i, part);
        addScaled(f, x[m]!, scales[i]!, totals[vector]!, fused);
        if (!format.scaling.hasMin) continue;
        f.get(x[m]!).emit('v128.load32_splat', sumAt).i32(SUM_SHIFT).emit('i32x4.shr_s');
        addScaled(f, x[m]!, mins[i]!, totals[vector]!, fused);
      }
    });
  }
}

/** Pops integers and adds them, times (factor · scaleA), to the total. */
function addScaled(
  f: FunctionBuilder,
  x: Local,
  factor: Local,
  total: Local,
  fused: boolean,
): void {
  f.emit('f32x4.convert_i32x4_s');
  f.get(factor).get(x).emit('v128.load32_splat', ACTIVATION_BLOCK.scaleAt).emit('f32x4.mul');
  if (fused) f.get(total).emit('f32x4.relaxed_madd').set(total);
  else f.emit('f32x4.mul').get(total).emit('f32x4.add').set(total);
}

function range(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start + i);
}
