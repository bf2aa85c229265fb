/**
 * How the codes of a block become products: for each kind of panel, the sums over the 32 columns of a block of four
 * rows in each vector.
 *
 * Three ways, by what the host has (byteProducts.ts). Whole: bytes, whose products it adds in i32. Narrow: nibbles from
 * 0 to 15 and activations as bytes, whose pairs of products are exact in i16, and so is the sum of all eight pairs of a
 * block, at most 8 · 2 · 15 · 127. Wide: codes and activations as i16, whose pairs of products are exact in i32; two
 * sums a row.
 */
import { type FunctionBuilder, type Local } from '../../../wasm/index.ts';
import { LINE_BYTES, type PanelFormat } from '../panels/panelFormats.table.ts';
import { type ByteProducts } from './byteProducts.ts';
import { NIBBLE, type PanelKind } from './panelCodes.ts';
import { ACTIVATION_BLOCK } from './quantizeRows.ts';
import { VECTOR_BYTES } from './vectors.ts';

const GROUPS = 8;
/** Activations carry their sum times this. */
const LARGEST_BIAS = 128;

/** What the products of a block read: pointers to the activations of each row and to the codes. */
export interface BlockSite {
  readonly f: FunctionBuilder;
  readonly x: readonly Local[];
  /** The first line of codes, but for the scales before it, at the first vector of the tile. */
  readonly lines: Local;
  /** The sixteen levels plus the bias of the way, of kinds that have them. */
  readonly table: Local;
}

/** Sums Σ level·a − bias·Σa of a block, for each row of x and vector of rows of w. */
export interface BlockSums {
  /** Sums the products for these vectors of the panel. */
  multiply(site: BlockSite, vectors: readonly number[]): void;
  /** Pushes the sums of row m of x and the i-th of the vectors. */
  push(site: BlockSite, m: number, i: number): void;
}

/** How a kind of panels is multiplied. */
export interface BlockProducts {
  /** What is added to levels, beyond the bias of stored codes. */
  readonly levelBias: number;
  /** Rows of the largest tile. */
  readonly mostRows: number;
  /** Vectors whose sums registers hold, for as many rows. */
  vectorsAtOnce(rows: number): number;
  sums(f: FunctionBuilder, rows: number, vectors: number): BlockSums;
}

/** The fastest way for a kind on a host. */
export function blockProducts(
  kind: PanelKind,
  { bias }: PanelFormat,
  products: ByteProducts,
): BlockProducts {
  if (products === 'eightBits') {
    const levelBias = kind === 'levels' ? LARGEST_BIAS : 0;
    return {
      levelBias,
      mostRows: 6,
      vectorsAtOnce: (rows) => [8, 4][rows - 1] ?? 2,
      sums: (f, rows, vectors) => wholeSums(f, kind, bias + levelBias, rows, vectors),
    };
  }
  const isNarrow = kind === 'nibbles' && products === 'sevenBits';
  const [sumsOf, most] = isNarrow ? ([narrowSums, 8] as const) : ([wideSums, 4] as const);
  return {
    levelBias: 0,
    mostRows: 4,
    vectorsAtOnce: (rows) => most >> Math.ceil(Math.log2(rows)),
    sums: (f, rows, vectors) => sumsOf(f, kind, bias, rows, vectors),
  };
}

/** Byte of the block where the vector starts in the two lines of a column group, at 8 bits. */
function placeOf(group: number, vector: number): number {
  return LINE_BYTES * (1 + 2 * group) + VECTOR_BYTES * vector;
}

/** Sums kept in i32, one vector for each four rows. */
function wholeSums(
  f: FunctionBuilder,
  kind: PanelKind,
  bias: number,
  rows: number,
  count: number,
): BlockSums {
  const sums = locals(f, rows, count);
  const [codes, stored] = [locals(f, 1, count)[0]!, locals(f, 1, count)[0]!];
  const a = f.local('v128');
  const loadCodes = (site: BlockSite, group: number, vectors: readonly number[]): void => {
    for (const [i, vector] of vectors.entries()) {
      const isFirst = kind === 'bytes' || group < GROUPS / 2;
      if (isFirst) f.get(site.lines).emit('v128.load', placeOf(group, vector)).set(stored[i]!);
      pushCodes(site, kind, group, stored[i]!);
      f.set(codes[i]!);
    }
  };
  return {
    multiply(site, vectors) {
      for (const [m, row] of sums.entries()) {
        pushCorrection(site, m, bias).set(a);
        for (const sum of row) f.get(a).set(sum);
      }
      for (const group of kind === 'bytes' ? BYTE_ORDER : NIBBLE_ORDER) {
        loadCodes(site, group, vectors);
        for (const [m, row] of sums.entries()) {
          f.get(site.x[m]!)
            .emit('v128.load32_splat', 4 * group)
            .set(a);
          for (const [i, sum] of row.entries()) {
            f.get(a).get(codes[i]!).get(sum);
            f.emit('i32x4.relaxed_dot_i8x16_i7x16_add_s').set(sum);
          }
        }
      }
    },
    push: (_, m, i) => void f.get(sums[m]![i]!),
  };
}

/** Groups of columns, those together whose nibbles share bytes. */
const BYTE_ORDER = [0, 1, 2, 3, 4, 5, 6, 7];
const NIBBLE_ORDER = [0, 4, 1, 5, 2, 6, 3, 7];

/** Pushes a vector of a column group as bytes from 0 to 255. */
function pushCodes(
  { f, table }: BlockSite,
  kind: PanelKind,
  group: number,
  stored: Local,
): FunctionBuilder {
  if (kind === 'bytes') return f.get(stored);
  if (kind === 'levels') f.get(table);
  f.get(stored);
  if (group >= GROUPS / 2) f.i32(4).emit('i16x8.shr_u');
  f.emit('v128.const', NIBBLES).emit('v128.and');
  return kind === 'levels' ? f.emit('i8x16.swizzle') : f;
}

const NIBBLES = new Uint8Array(VECTOR_BYTES).fill(NIBBLE);

/** Pushes −bias·Σa of row m in all lanes. */
function pushCorrection({ f, x }: BlockSite, m: number, bias: number): FunctionBuilder {
  if (bias === 0) return f.emit('v128.const', new Uint8Array(VECTOR_BYTES));
  f.get(x[m]!).emit('v128.load32_splat', ACTIVATION_BLOCK.sumAt);
  return bias === LARGEST_BIAS ? f : f.i32(Math.log2(LARGEST_BIAS / bias)).emit('i32x4.shr_s');
}

/** Sums kept in i32, two vectors for each four rows. */
function wideSums(
  f: FunctionBuilder,
  kind: PanelKind,
  bias: number,
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
    push(site, m, i) {
      const [first, second] = sums[m]!.slice(2 * i, 2 * i + 2) as [Local, Local];
      for (const lanes of [EVEN_LANES, ODD_LANES])
        f.get(first).get(second).emit('i8x16.shuffle', lanes);
      f.emit('i32x4.add');
      addCorrection(site, m, bias);
    },
  };
}

/** Adds −bias·Σa of row m to the vector on top. */
function addCorrection(site: BlockSite, m: number, bias: number): void {
  if (bias > 0) pushCorrection(site, m, bias).emit('i32x4.add');
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
  if (group >= GROUPS / 2) return f.i32(4).emit('i8x16.shr_u');
  return f.emit('v128.const', NIBBLES).emit('v128.and');
}

/** Sums kept in i16, one vector for each four rows; of nibbles only. */
function narrowSums(
  f: FunctionBuilder,
  _: PanelKind,
  bias: number,
  rows: number,
  count: number,
): BlockSums {
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
      f.emit('v128.const', NIBBLES).set(mask);
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
    push(site, m, i) {
      f.get(sums[m]![i]!).emit('i32x4.extadd_pairwise_i16x8_s');
      addCorrection(site, m, bias);
    },
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
