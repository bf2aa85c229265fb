/**
 * How the codes of a part of a block become products: for each format, the sums over the columns of the part of four
 * rows in each vector.
 *
 * Two ways. Wide: codes and activations as i16, whose pairs of products are exact in i32; two sums a row. Narrow:
 * codes of at most 6 bits and activations as bytes, whose pairs of products are exact in i16; so are sums of as many of
 * them as stay below 2^15, which are then added in i32.
 */
import { type FunctionBuilder, type Local } from '../../../wasm/index.ts';
import {
  LINE_BYTES,
  PANEL_FORMAT_NAMES,
  PANEL_FORMATS,
  type IntegerFormat,
  type PanelFormatName,
} from '../panels/panelFormats.table.ts';
import { layoutOf, planesOf } from '../panels/panelLayout.ts';
import { pushSplat, VECTOR_BYTES } from './vectors.ts';

/** Rows in one vector, and vectors in a panel. */
export const VECTOR_ROWS = 4;
export const PANEL_VECTORS = 8;
const GROUPS = 8;
const LARGEST_ACTIVATION = 127;

export const HALF_BYTES = 2;

/** What `make` gives for a format, made once for those that differ in their levels alone. */
export function byKind<T>(
  make: (format: IntegerFormat, name: PanelFormatName) => T,
): (name: PanelFormatName) => T {
  const made = new Map<string, T>();
  for (const name of PANEL_FORMAT_NAMES) {
    if (!made.has(kindOf(name))) made.set(kindOf(name), make(PANEL_FORMATS[name], name));
  }
  return (name) => made.get(kindOf(name))!;
}

function kindOf(name: PanelFormatName): string {
  const { planes, bias, levels, scaling }: IntegerFormat = PANEL_FORMATS[name];
  return JSON.stringify({ planes, bias, levels: levels !== undefined, scaling });
}

/** Runs the code for the format whose number is in `code`. */
export function forFormat(
  f: FunctionBuilder,
  code: Local,
  body: (name: PanelFormatName) => void,
): void {
  for (const name of PANEL_FORMAT_NAMES) {
    f.get(code).i32(PANEL_FORMATS[name].code).emit('i32.eq');
    f.if(() => body(name));
  }
}

/** The sixteen levels of a format, zeros where it has none. */
export function levelsOf(name: PanelFormatName): Uint8Array {
  const { levels = [] }: IntegerFormat = PANEL_FORMATS[name];
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

/** Pushes codes: of bytes of a column group, plane by plane. */
export class CodeReader {
  readonly #f: FunctionBuilder;
  readonly #format: IntegerFormat;
  /** By plane, the bits that it has in a code. */
  readonly #masks: readonly Local[];

  /** Emits what is to come before the loops. */
  constructor(f: FunctionBuilder, format: IntegerFormat) {
    this.#f = f;
    this.#format = format;
    this.#masks = planesOf(format, 0).map(({ from, bits }) => {
      const mask = f.local('v128');
      f.emit('v128.const', new Uint8Array(VECTOR_BYTES).fill(((1 << bits) - 1) << from)).set(mask);
      return mask;
    });
  }

  /** `load` pushes bytes of a line: of the codes of the block, for the first half of rows. */
  push(group: number, load: (line: number) => void): void {
    const f = this.#f;
    for (const [i, { line, shift, from, bits }] of planesOf(this.#format, group).entries()) {
      load(line);
      if (bits === 8) continue;
      if (shift > from) f.i32(shift - from).emit('i16x8.shr_u');
      if (shift < from) f.i32(from - shift).emit('i16x8.shl');
      f.get(this.#masks[i]!).emit('v128.and');
      if (i > 0) f.emit('v128.or');
    }
  }
}

/** What the products of a block read: pointers to the activations of each row and to the block. */
export interface BlockSite {
  readonly x: readonly Local[];
  /** The first line of the block, at the first vector of the tile. */
  readonly lines: Local;
  /** The sixteen levels, of formats that have them. */
  readonly table: Local;
}

/** Sums of the products of a part of a block: for each row of x and vector of rows of w, in i32 once pushed. */
export interface BlockSums {
  /** Sums the products for these vectors of the panel. */
  multiply(site: BlockSite, vectors: readonly number[], part: number): void;
  /** Pushes the sums of row m of x and the i-th of the vectors. */
  push(m: number, i: number): void;
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

/** Sums kept in i32, two vectors for each four rows. */
export function wideSums(
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
      f.get(lines).emit('v128.load8x8_u', at(planesOf(format, group)[0]!.line));
      return;
    }
    reader.push(group, (line) => f.get(lines).emit('v128.load64_zero', at(line)));
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
    push(m, i) {
      const [first, second] = sums[m]!.slice(2 * i, 2 * i + 2) as [Local, Local];
      for (const lanes of [EVEN_LANES, ODD_LANES])
        f.get(first).get(second).emit('i8x16.shuffle', lanes);
      f.emit('i32x4.add');
    },
  };
}

/** Whether the codes of a format can be multiplied as bytes. */
export function isNarrow({ planes, levels }: IntegerFormat): boolean {
  return planes[0] !== 8 && levels === undefined;
}

/** Column groups whose products one lane of i16 can hold. */
function groupsOfLane({ planes }: IntegerFormat): number {
  const codes = 2 ** planes.reduce<number>((sum, bits) => sum + bits, 0);
  return Math.floor((2 ** 15 - 1) / (2 * (codes - 1) * LARGEST_ACTIVATION));
}

/** Sums kept in i16, one vector for each four rows, and in i32 where they would be too large. */
export function narrowSums(
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
            f.get(lines).emit('v128.load', placeOf(format, line, vector));
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
    push: pushTotal,
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
