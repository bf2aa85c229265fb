/**
 * How the codes of a block become products: for each kind of panel, the sums over the 32 columns of a block of four
 * rows in each vector.
 *
 * Two ways. Wide: codes and activations as i16, whose pairs of products are exact in i32; two sums a row. Narrow:
 * nibbles from 0 to 15 and activations as bytes, whose pairs of products are exact in i16, and so is the sum of all
 * eight pairs of a block, at most 8 · 2 · 15 · 127.
 */
import { type FunctionBuilder, type Local } from '../../../wasm/index.ts';
import {
  LINE_BYTES,
  PANEL_FORMATS,
  type PanelFormat,
  type PanelFormatName,
} from '../panels/panelFormats.table.ts';
import { pushSplat, VECTOR_BYTES } from './vectors.ts';

/** Rows in one vector, and vectors in a panel. */
export const VECTOR_ROWS = 4;
export const PANEL_VECTORS = 8;
const GROUPS = 8;
/** The bits of a nibble. */
export const NIBBLE = 15;

export const HALF_BYTES = 2;

/** How a format is read; formats of one kind differ in their levels alone. */
export type PanelKind = 'bytes' | 'nibbles' | 'levels';

const KINDS: Readonly<Record<PanelFormatName, PanelKind>> = {
  Q8_0: 'bytes',
  Q4_0: 'nibbles',
  IQ4_NL: 'levels',
  MXFP4: 'levels',
};
const NAMES = Object.keys(KINDS) as PanelFormatName[];

/** What `make` gives for the kind of a format, made once a kind. */
export function byKind<T>(
  make: (kind: PanelKind, format: PanelFormat) => T,
): (name: PanelFormatName) => T {
  const made = new Map<PanelKind, T>();
  for (const name of NAMES) {
    const kind = KINDS[name];
    if (!made.has(kind)) made.set(kind, make(kind, PANEL_FORMATS[name]));
  }
  return (name) => made.get(KINDS[name])!;
}

/** Runs the code for the format whose number is in `code`. */
export function forFormat(
  f: FunctionBuilder,
  code: Local,
  body: (name: PanelFormatName) => void,
): void {
  for (const name of NAMES) {
    f.get(code).i32(PANEL_FORMATS[name].code).emit('i32.eq');
    f.if(() => body(name));
  }
}

/** The sixteen levels of a format, zeros where it has none. */
export function levelsOf(name: PanelFormatName): Uint8Array {
  const { levels = [] }: PanelFormat = PANEL_FORMATS[name];
  const bytes = new Uint8Array(VECTOR_BYTES);
  bytes.set(Uint8Array.from(levels));
  return bytes;
}

/** Pops f16 numbers as four i32 and pushes them as f32: their bits, moved, are those of an f32 times 2^-112. */
export function convertHalves(f: FunctionBuilder): FunctionBuilder {
  const bits = f.local('v128');
  f.tee(bits).i32(0x7fff).emit('i32x4.splat').emit('v128.and').i32(13).emit('i32x4.shl');
  pushSplat(f, 2 ** 112).emit('f32x4.mul');
  f.get(bits).i32(0x8000).emit('i32x4.splat').emit('v128.and').i32(16).emit('i32x4.shl');
  return f.emit('v128.or');
}

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
