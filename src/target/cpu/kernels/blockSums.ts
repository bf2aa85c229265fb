/**
 * How the codes of a part of a block become products: for each format, the sums over the columns of the part of four
 * rows in each vector.
 *
 * Three ways, by what the host has (byteProducts.ts). Whole: bytes, whose products it adds in i32. Narrow: codes of at
 * most 6 bits and activations as bytes, whose pairs of products are exact in i16; so are sums of as many of them as stay
 * below 2^15, which are then added in i32. Wide: codes and activations as i16, whose pairs of products are exact in i32;
 * two sums a row.
 */
import { type FunctionBuilder, type Local } from '../../../wasm/index.ts';
import { LINE_BYTES, type IntegerFormat } from '../panels/panelFormats.table.ts';
import { layoutOf, planesOf } from '../panels/panelLayout.ts';
import { type ByteProducts } from './byteProducts.ts';
import { CodeReader, WEIGHTS } from './panelCodes.ts';
import { sumOfPart } from './quantizeRows.ts';
import { VECTOR_BYTES } from './vectors.ts';

const GROUPS = 8;
const LARGEST_ACTIVATION = 127;
/** Activations carry their sums times this. */
const LARGEST_BIAS = 128;

/** What the products of a block read: pointers to the activations of each row and to the block. */
export interface BlockSite {
  readonly f: FunctionBuilder;
  readonly x: readonly Local[];
  /** The first line of the block, at the first vector of the tile. */
  readonly lines: Local;
  /** The sixteen levels plus the bias of the way, of formats that have them. */
  readonly table: Local;
}

/** Sums Σ level·a − bias·Σa of a part of a block, for each row of x and vector of rows of w. */
export interface BlockSums {
  /** Sums the products for these vectors of the panel. */
  multiply(site: BlockSite, vectors: readonly number[], part: number): void;
  /** Pushes the sums of row m of x and the i-th of the vectors. */
  push(site: BlockSite, m: number, i: number, part: number): void;
}

/** How a kind of panels is multiplied. */
export interface BlockProducts {
  /** What is added to levels, beyond the bias of stored codes. */
  readonly levelBias: number;
  /** Whether products are added with the host's multiply-add. */
  readonly fused: boolean;
  /** Rows of the largest tile. */
  readonly mostRows: number;
  /** Vectors whose sums registers hold, for as many rows. */
  vectorsAtOnce(rows: number): number;
  sums(f: FunctionBuilder, rows: number, vectors: number): BlockSums;
}

/** The fastest way for a kind on a host. */
export function blockProducts(format: IntegerFormat, products: ByteProducts): BlockProducts {
  if (products === 'eightBits') {
    const levelBias = format.levels ? LARGEST_BIAS : 0;
    return {
      levelBias,
      fused: true,
      mostRows: 6,
      vectorsAtOnce: (rows) => [8, 4][rows - 1] ?? 2,
      sums: (f, rows, vectors) => wholeSums(f, format, format.bias + levelBias, rows, vectors),
    };
  }
  const isSmall = format.planes[0] !== 8 && !format.levels && products === 'sevenBits';
  const [sumsOf, most] = isSmall ? ([narrowSums, 8] as const) : ([wideSums, 4] as const);
  return {
    levelBias: 0,
    fused: products !== 'none',
    mostRows: 4,
    vectorsAtOnce: (rows) => most >> Math.ceil(Math.log2(rows)),
    sums: (f, rows, vectors) => sumsOf(f, format, rows, vectors),
  };
}

/** Column groups of a part, those together that have the first plane in the same line. */
function groupsOf(format: IntegerFormat, part: number): readonly (readonly number[])[] {
  const count = GROUPS / format.scaling.parts;
  const groups = Array.from({ length: count }, (_, i) => count * part + i);
  return [...Map.groupBy(groups, (group) => planesOf(format, group)[0]!.line).values()];
}

/** Byte of the block where the vector starts in a line of codes and the next. */
function placeOf(format: IntegerFormat, line: number, vector: number): number {
  return layoutOf(format).codesAt + LINE_BYTES * line + VECTOR_BYTES * vector;
}

/** Sums kept in i32, one vector for each four rows. */
function wholeSums(
  f: FunctionBuilder,
  format: IntegerFormat,
  bias: number,
  rows: number,
  count: number,
): BlockSums {
  const sums = locals(f, rows, count);
  const [codes, stored] = locals(f, 2, count) as [Local[], Local[]];
  const a = f.local('v128');
  const reader = new CodeReader(f, format);
  const addProducts = (x: readonly Local[], group: number): void => {
    for (const [m, row] of sums.entries()) {
      f.get(x[m]!)
        .emit('v128.load32_splat', 4 * group)
        .set(a);
      for (const [i, sum] of row.entries()) {
        f.get(a).get(codes[i]!).get(sum);
        f.emit('i32x4.relaxed_dot_i8x16_i7x16_add_s').set(sum);
      }
    }
  };
  return {
    multiply(site, vectors, part) {
      for (const [m, row] of sums.entries()) {
        pushCorrection(format, site, m, part, bias).set(a);
        for (const sum of row) f.get(a).set(sum);
      }
      for (const groups of groupsOf(format, part)) {
        const first = planesOf(format, groups[0]!)[0]!.line;
        const load = (line: number, vector: number) =>
          f.get(site.lines).emit('v128.load', placeOf(format, line, vector), WEIGHTS);
        for (const [i, vector] of vectors.entries()) load(first, vector).set(stored[i]!);
        for (const group of groups) {
          for (const [i, vector] of vectors.entries()) {
            if (format.levels) f.get(site.table);
            reader.push(group, (line) => (line === first ? f.get(stored[i]!) : load(line, vector)));
            if (format.levels) f.emit('i8x16.swizzle');
            f.set(codes[i]!);
          }
          addProducts(site.x, group);
        }
      }
    },
    push: (_, m, i) => void f.get(sums[m]![i]!),
  };
}

/** Pushes −bias·Σa of row m, of the part, in all lanes. */
function pushCorrection(
  { scaling }: IntegerFormat,
  { f, x }: BlockSite,
  m: number,
  part: number,
  bias: number,
): FunctionBuilder {
  if (bias === 0) return f.emit('v128.const', new Uint8Array(VECTOR_BYTES));
  f.get(x[m]!).emit('v128.load32_splat', sumOfPart(scaling.parts, part));
  return bias === LARGEST_BIAS ? f : f.i32(Math.log2(LARGEST_BIAS / bias)).emit('i32x4.shr_s');
}

/** Adds −bias·Σa of row m to the vector on top. */
function addCorrection(format: IntegerFormat, site: BlockSite, m: number, part: number): void {
  if (format.bias > 0) pushCorrection(format, site, m, part, format.bias).emit('i32x4.add');
}

/** Sums kept in i32, two vectors for each four rows. */
function wideSums(
  f: FunctionBuilder,
  format: IntegerFormat,
  rows: number,
  count: number,
): BlockSums {
  const sums = locals(f, rows, 2 * count);
  const [a, code] = [locals(f, 1, rows)[0]!, f.local('v128')];
  const reader = new CodeReader(f, format);
  const addProducts = (i: number): void => {
    for (const [m, row] of sums.entries()) {
      f.get(code).get(a[m]!).emit('i32x4.dot_i16x8_s').get(row[i]!).emit('i32x4.add').set(row[i]!);
    }
  };
  const pushCodes = ({ lines, table }: BlockSite, group: number, at: (line: number) => number) => {
    if (format.levels) f.get(table);
    if (format.planes[0] === 8) {
      f.get(lines).emit('v128.load8x8_u', at(planesOf(format, group)[0]!.line), WEIGHTS);
      return;
    }
    reader.push(group, (line) => f.get(lines).emit('v128.load64_zero', at(line), WEIGHTS));
    if (format.levels) f.emit('i8x16.swizzle').emit('i16x8.extend_low_i8x16_s');
    else f.emit('i16x8.extend_low_i8x16_u');
  };
  return {
    multiply(site, vectors, part) {
      clear(f, sums);
      for (const group of groupsOf(format, part).flat()) {
        for (const [m, pointer] of site.x.entries()) {
          f.get(pointer).emit('v128.load32_splat', 4 * group);
          f.emit('i16x8.extend_low_i8x16_s').set(a[m]!);
        }
        for (const [i, vector] of vectors.entries()) {
          for (const half of [0, 1] as const) {
            pushCodes(site, group, (line) => placeOf(format, line, vector) + 8 * half);
            f.set(code);
            addProducts(2 * i + half);
          }
        }
      }
    },
    push(site, m, i, part) {
      const [first, second] = sums[m]!.slice(2 * i, 2 * i + 2) as [Local, Local];
      for (const lanes of [EVEN_LANES, ODD_LANES])
        f.get(first).get(second).emit('i8x16.shuffle', lanes);
      f.emit('i32x4.add');
      addCorrection(format, site, m, part);
    },
  };
}

/** Column groups whose products one lane of i16 can hold. */
function groupsOfLane({ planes }: IntegerFormat): number {
  const codes = 2 ** planes.reduce<number>((sum, bits) => sum + bits, 0);
  return Math.floor((2 ** 15 - 1) / (2 * (codes - 1) * LARGEST_ACTIVATION));
}

/** Sums kept in i16, one vector for each four rows, and in i32 where they would be too large. */
function narrowSums(
  f: FunctionBuilder,
  format: IntegerFormat,
  rows: number,
  count: number,
): BlockSums {
  const most = groupsOfLane(format);
  const isLong = GROUPS / format.scaling.parts > most;
  const sums = locals(f, rows, count);
  const totals = isLong ? locals(f, rows, count) : [];
  const sets = groupsOf(format, 0)[0]!.map(() => locals(f, 1, rows)[0]!);
  const [raw, codes] = [f.local('v128'), f.local('v128')];
  const reader = new CodeReader(f, format);
  const pushTotal = (m: number, i: number): void => {
    f.get(sums[m]![i]!).emit('i32x4.extadd_pairwise_i16x8_s');
    if (isLong) f.get(totals[m]![i]!).emit('i32x4.add');
  };
  const flush = (): void => {
    for (const [m, row] of totals.entries()) {
      for (const [i, total] of row.entries()) {
        pushTotal(m, i);
        f.set(total);
      }
    }
    clear(f, sums);
  };
  return {
    multiply({ x, lines }, vectors, part) {
      clear(f, [...sums, ...totals]);
      let inLane = 0;
      for (const groups of groupsOf(format, part)) {
        if (inLane + groups.length > most) {
          flush();
          inLane = 0;
        }
        inLane += groups.length;
        loadSplats(f, x, groups, sets);
        const first = planesOf(format, groups[0]!)[0]!.line;
        for (const [i, vector] of vectors.entries()) {
          const load = (line: number) =>
            f.get(lines).emit('v128.load', placeOf(format, line, vector), WEIGHTS);
          load(first).set(raw);
          for (const [set, group] of groups.entries()) {
            reader.push(group, (line) => (line === first ? f.get(raw) : load(line)));
            f.set(codes);
            for (const [m, row] of sums.entries()) {
              f.get(sets[set]![m]!).get(codes).emit('i16x8.relaxed_dot_i8x16_i7x16_s');
              f.get(row[i]!).emit('i16x8.add').set(row[i]!);
            }
          }
        }
      }
    },
    push(site, m, i, part) {
      pushTotal(m, i);
      addCorrection(format, site, m, part);
    },
  };
}

/** Four activations of each row, for each of the groups. */
function loadSplats(
  f: FunctionBuilder,
  x: readonly Local[],
  groups: readonly number[],
  sets: readonly (readonly Local[])[],
): void {
  for (const [set, group] of groups.entries()) {
    for (const [m, pointer] of x.entries()) {
      f.get(pointer)
        .emit('v128.load32_splat', 4 * group)
        .set(sets[set]![m]!);
    }
  }
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
