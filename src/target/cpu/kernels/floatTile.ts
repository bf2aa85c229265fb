/**
 * Tiles of products of rows in f32 and panels of floats: weights become f32 in registers, exactly but for the scales of
 * E4M3, whose products are rounded once.
 *
 * An output is the sum over columns in ascending order, from 0, of weight · x, added with one rounding where the host's
 * relaxed SIMD has fused multiply-add, as machine code does, and with two elsewhere: the same bits whatever the tile.
 */
import type { FunctionBuilder, Local } from '../../../wasm/index.ts';
import { BLOCK_COLUMNS, PANEL_ROWS, type FloatFormat } from '../panels/panelFormats.table.ts';
import { layoutOf } from '../panels/panelLayout.ts';
import { HALF_BYTES, HalfConverter, PANEL_VECTORS, VECTOR_ROWS, WEIGHTS } from './panelCodes.ts';
import { vectorLocals, type TileSite } from './panelTile.ts';
import { ELEMENT_BYTES, pushRow } from './vectors.ts';

/** Rows of the largest tile. */
export const MOST_FLOAT_ROWS = 6;

/** Columns in one round of the loop. */
const UNROLL = 4;

/** Vectors whose sums registers hold, for as many rows. */
export function floatVectors(rows: number): number {
  return [PANEL_VECTORS, 4][rows - 1] ?? 2;
}

/** Bytes of an element as it is stored. */
function bytesOf({ element }: FloatFormat): number {
  return element === 'E4M3' ? 1 : HALF_BYTES;
}

/** Emits the sums of a tile; `fused`: with the host's multiply-add. */
export function floatSums(site: TileSite, format: FloatFormat, fused: boolean): () => void {
  const { f, p, at, x, start, rows, vectors } = site;
  const { unitBlocks, headerBytes, blockBytes, unitBytes } = layoutOf(format);
  const [unit, block, column] = [f.local('i32'), f.local('i32'), f.local('i32')];
  const [weights, lines] = [vectorLocals(f, 1, vectors)[0]!, f.local('i32', 'lines')];
  const [header, scale, a] = [f.local('i32', 'header'), f.local('v128'), f.local('v128')];
  const reader = new FloatReader(f, format);
  const addColumn = (i: number): void => {
    for (const [v, weight] of weights.entries()) {
      const offset = bytesOf(format) * (PANEL_ROWS * i + VECTOR_ROWS * v);
      reader.push(lines, offset, scale).set(weight);
    }
    for (let m = 0; m < rows; m++) {
      f.get(x[m]!)
        .emit('v128.load32_splat', ELEMENT_BYTES * i)
        .set(a);
      site.addToRow(m, (totals) => {
        for (const [v, total] of totals.entries()) {
          f.get(weights[v]!).get(a);
          if (fused) f.get(total).emit('f32x4.relaxed_madd').set(total);
          else f.emit('f32x4.mul').get(total).emit('f32x4.add').set(total);
        }
      });
    }
  };
  const addBlock = (): void => {
    if (headerBytes > 0) f.get(header).emit('v128.load32_splat', 0, WEIGHTS).set(scale);
    f.forLoop(column, 0, BLOCK_COLUMNS, UNROLL, () => {
      for (let i = 0; i < UNROLL; i++) addColumn(i);
      f.advance(lines, (blockBytes / BLOCK_COLUMNS) * UNROLL);
      for (const pointer of x) f.advance(pointer, ELEMENT_BYTES * UNROLL);
    });
    f.advance(header, ELEMENT_BYTES);
  };
  return () =>
    f.forLoop(unit, 0, p.blocks, unitBlocks, () => {
      f.get(start).set(header);
      pushRow(f, start, at, VECTOR_ROWS * bytesOf(format))
        .i32(headerBytes)
        .emit('i32.add');
      f.set(lines);
      if (unitBlocks === 1) addBlock();
      else f.forLoop(block, 0, unitBlocks, 1, addBlock);
      f.advance(start, unitBytes);
    });
}

/** Bits of an f32 that those of e4m3 become: the sign, and seven of exponent and fraction. */
const E4M3_BITS = 0x87f00000 | 0;

/** Pushes weights as f32. */
export class FloatReader {
  readonly #f: FunctionBuilder;
  readonly #format: FloatFormat;
  readonly #halves: HalfConverter;

  /** Emits what is to come before the loops. */
  constructor(f: FunctionBuilder, format: FloatFormat) {
    this.#f = f;
    this.#format = format;
    this.#halves = new HalfConverter(f);
  }

  /** Pushes four weights from the address in `lines` on. */
  push(lines: Local, offset: number, scale: Local): FunctionBuilder {
    const [f, { element }] = [this.#f.get(lines), this.#format];
    if (element === 'E4M3') {
      f.emit('v128.load32_zero', offset, WEIGHTS);
      f.emit('i16x8.extend_low_i8x16_s').emit('i32x4.extend_low_i16x8_s');
      f.i32(20).emit('i32x4.shl').i32(E4M3_BITS).emit('i32x4.splat').emit('v128.and');
      return f.get(scale).emit('f32x4.mul');
    }
    f.emit('v128.load16x4_s', offset, WEIGHTS);
    return element === 'BF16' ? f.i32(16).emit('i32x4.shl') : this.#halves.convert();
  }
}
