/**
 * How the codes of a block become products: for each kind of panel, the sums over the 32 columns of a block of four
 * rows in each vector.
 *
 * Two ways. Wide: codes and activations as i16, whose pairs of products are exact in i32; two sums a row. Narrow:
 * nibbles from 0 to 15 and activations as bytes, whose pairs of products are exact in i16, and so is the sum of all
 * eight pairs of a block, at most 8 · 2 · 15 · 127.
 */
import { type FunctionBuilder, type Local } from '../../../wasm/index.ts';
import { LINE_BYTES } from '../panels/panelFormats.table.ts';
import { VECTOR_BYTES } from './vectors.ts';

/** Rows in one vector, and vectors in a panel. */
export const VECTOR_ROWS = 4;
export const PANEL_VECTORS = 8;
const GROUPS = 8;
const NIBBLE = 15;

export type PanelKind = 'bytes' | 'nibbles' | 'levels';

/** What the products of a block read: pointers to the activations of each row and to the codes. */
export interface BlockSite {
  readonly f: FunctionBuilder;
  readonly x: readonly Local[];
  /** The first line of codes, but for the scales before it, at the first vector of the tile. */
  readonly lines: Local;
  /** The sixteen levels, of kinds that have them. */
  readonly table: Local;
}

/** Sums of the products of a block: for each row of x and vector of rows of w, in i32 once pushed. */
export interface BlockSums {
  /** Sums the products for these vectors of the panel. */
  multiply(site: BlockSite, vectors: readonly number[]): void;
  /** Pushes the sums of row m of x and the i-th of the vectors. */
  push(f: FunctionBuilder, m: number, i: number): void;
}

/** Byte of the block where the vector starts in the two lines of a column group, at 8 bits. */
function placeOf(group: number, vector: number): number {
  return LINE_BYTES * (1 + 2 * group) + VECTOR_BYTES * vector;
}

/** Sums kept in i32, two vectors for each four rows. */
export function wideSums(
  f: FunctionBuilder,
  kind: PanelKind,
  rows: number,
  count: number,
): BlockSums {
  const sums = locals(f, rows, 2 * count);
  const [a, code] = [locals(f, 1, rows)[0]!, f.local('v128')];
  const addProducts = (i: number): void => {
    for (const [m, row] of sums.entries()) {
      f.get(code).get(a[m]!).emit('i32x4.dot_i16x8_s').get(row[i]!).emit('i32x4.add').set(row[i]!);
    }
  };
  const loadActivations = ({ x }: BlockSite, group: number): void => {
    for (const [m, pointer] of x.entries()) {
      f.get(pointer)
        .emit('v128.load32_splat', 4 * group)
        .emit('i16x8.extend_low_i8x16_s');
      f.set(a[m]!);
    }
  };
  return {
    multiply(site, vectors) {
      clear(f, sums);
      for (let group = 0; group < GROUPS; group++) {
        loadActivations(site, group);
        for (const [i, vector] of vectors.entries()) {
          for (const half of [0, 1] as const) {
            pushWideCodes(site, kind, group, vector, half);
            f.set(code);
            addProducts(2 * i + half);
          }
        }
      }
    },
    push(_, m, i) {
      const [first, second] = sums[m]!.slice(2 * i, 2 * i + 2) as [Local, Local];
      for (const lanes of [EVEN_LANES, ODD_LANES])
        f.get(first).get(second).emit('i8x16.shuffle', lanes);
      f.emit('i32x4.add');
    },
  };
}

/** Pushes the codes of two of the four rows of a vector, four columns each, as i16. */
function pushWideCodes(
  { f, lines, table }: BlockSite,
  kind: PanelKind,
  group: number,
  vector: number,
  half: 0 | 1,
): void {
  if (kind === 'bytes') {
    f.get(lines).emit('v128.load8x8_u', placeOf(group, vector) + 8 * half);
    return;
  }
  f.get(lines).emit('v128.load64_zero', placeOf(group % 4, vector) + 8 * half);
  if (kind === 'nibbles') {
    pushNibbles(f, group).emit('i16x8.extend_low_i8x16_u');
    return;
  }
  const index = f.local('v128');
  pushNibbles(f, group).set(index);
  f.get(table).get(index).emit('i8x16.swizzle').emit('i16x8.extend_low_i8x16_s');
}

/** Pops bytes and pushes their low nibbles, or for the groups of the second half the high ones. */
function pushNibbles(f: FunctionBuilder, group: number): FunctionBuilder {
  if (group >= 4) return f.i32(4).emit('i8x16.shr_u');
  return f.emit('v128.const', new Uint8Array(VECTOR_BYTES).fill(NIBBLE)).emit('v128.and');
}

/** Sums kept in i16, one vector for each four rows; of nibbles only. */
export function narrowSums(f: FunctionBuilder, rows: number, count: number): BlockSums {
  const sums = locals(f, rows, count);
  const [low, high] = [locals(f, 1, rows)[0]!, locals(f, 1, rows)[0]!];
  const [codes, mask, nibbles] = [f.local('v128'), f.local('v128'), f.local('v128')];
  const addProducts = (a: readonly Local[], i: number): void => {
    for (const [m, row] of sums.entries()) {
      f.get(a[m]!).get(nibbles).emit('i16x8.relaxed_dot_i8x16_i7x16_s');
      f.get(row[i]!).emit('i16x8.add').set(row[i]!);
    }
  };
  return {
    multiply({ x, lines }, vectors) {
      clear(f, sums);
      f.emit('v128.const', new Uint8Array(VECTOR_BYTES).fill(NIBBLE)).set(mask);
      for (let group = 0; group < GROUPS / 2; group++) {
        for (const [m, pointer] of x.entries()) {
          f.get(pointer)
            .emit('v128.load32_splat', 4 * group)
            .set(low[m]!);
          f.get(pointer)
            .emit('v128.load32_splat', 4 * (group + GROUPS / 2))
            .set(high[m]!);
        }
        for (const [i, vector] of vectors.entries()) {
          f.get(lines).emit('v128.load', placeOf(group, vector)).tee(codes);
          f.get(mask).emit('v128.and').set(nibbles);
          addProducts(low, i);
          f.get(codes).i32(4).emit('i16x8.shr_u').get(mask).emit('v128.and').set(nibbles);
          addProducts(high, i);
        }
      }
    },
    push: (_, m, i) => void f.get(sums[m]![i]!).emit('i32x4.extadd_pairwise_i16x8_s'),
  };
}

/** Lanes 0 and 2, or 1 and 3, of both operands. */
const EVEN_LANES = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];
const ODD_LANES = EVEN_LANES.map((byte) => byte + 4);

function locals(f: FunctionBuilder, rows: number, columns: number): Local[][] {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => f.local('v128')));
}

function clear(f: FunctionBuilder, sums: readonly (readonly Local[])[]): void {
  for (const sum of sums.flat()) f.emit('v128.const', new Uint8Array(VECTOR_BYTES)).set(sum);
}
