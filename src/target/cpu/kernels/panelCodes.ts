/** The kinds of panels, and what the kernels that read them share: levels, scales, codes. */
import type { FunctionBuilder, Local } from '../../../wasm/index.ts';
import {
  INTEGER_FORMATS,
  isFloatFormat,
  PANEL_FORMATS,
  type IntegerFormat,
  type IntegerFormatName,
  type PanelFormatName,
} from '../panels/panelFormats.table.ts';
import { planesOf } from '../panels/panelLayout.ts';
import { constantLocal, VECTOR_BYTES } from './vectors.ts';

/** Rows in one vector, and vectors in a panel. */
export const VECTOR_ROWS = 4;
export const PANEL_VECTORS = 8;

export const HALF_BYTES = 2;

/** The memory with the panels; all else is in the first. */
export const WEIGHTS = 'weights';

/** What `make` gives for each of the formats of integers, made once for those that differ in their levels alone. */
export function byKind<T>(
  formats: readonly PanelFormatName[],
  make: (format: IntegerFormat, name: IntegerFormatName) => T,
): (name: IntegerFormatName) => T {
  const made = new Map<string, T>();
  for (const name of formats) {
    if (isFloatFormat(name) || made.has(kindOf(name))) continue;
    made.set(kindOf(name), make(INTEGER_FORMATS[name], name));
  }
  return (name) => made.get(kindOf(name))!;
}

function kindOf(name: IntegerFormatName): string {
  const format: IntegerFormat = INTEGER_FORMATS[name];
  const { planes, levels, scaling } = format;
  const codes = [biasOf(format), largestCode(format), levels !== undefined];
  return JSON.stringify([planes, codes, scaling]);
}

/** Runs the code for the format, one of `formats`, whose number is in `code`; traps for any other. */
export function forFormat(
  f: FunctionBuilder,
  code: Local,
  [name, ...others]: readonly PanelFormatName[],
  body: (name: PanelFormatName) => void,
): void {
  if (name === undefined) {
    f.emit('unreachable');
    return;
  }
  f.get(code).i32(PANEL_FORMATS[name].code).emit('i32.eq');
  f.if(
    () => body(name),
    () => forFormat(f, code, others, body),
  );
}

/** What codes as products take them are more than levels: so much that none is below 0. */
export function biasOf({ bias, levels }: IntegerFormat): number {
  return levels ? 2 ** Math.ceil(Math.log2(-Math.min(...levels))) : bias;
}

/** The largest code as products take them. */
export function largestCode(format: IntegerFormat): number {
  const { planes, levels } = format;
  if (levels) return Math.max(...levels) + biasOf(format);
  return 2 ** planes.reduce<number>((sum, bits) => sum + bits, 0) - 1;
}

/** The sixteen levels of a format plus `bias`, zeros where it has none. */
export function levelsOf(name: IntegerFormatName, bias = 0): Uint8Array {
  const { levels = [] }: IntegerFormat = INTEGER_FORMATS[name];
  const bytes = new Uint8Array(VECTOR_BYTES);
  bytes.set(levels.map((level) => level + bias));
  return bytes;
}

/** Bits of an f32 that those of an f16 become: the sign, and fifteen of exponent and fraction. */
const HALF_BITS = 0x8fffe000 | 0;

/** Converts f16 numbers: their bits, moved, are those of an f32 times 2^-112. */
export class HalfConverter {
  readonly #f: FunctionBuilder;
  readonly #mask: Local;
  readonly #factor: Local;

  /** Emits what is to come before the loops. */
  constructor(f: FunctionBuilder) {
    this.#f = f;
    this.#mask = constantLocal(f, 'i32x4', HALF_BITS);
    this.#factor = constantLocal(f, 'f32x4', 2 ** 112);
  }

  /** Pops the bits as four i32, their signs extended, and pushes f32. */
  convert(): FunctionBuilder {
    const f = this.#f.i32(13).emit('i32x4.shl').get(this.#mask).emit('v128.and');
    return f.get(this.#factor).emit('f32x4.mul');
  }
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
      return constantLocal(f, 'i8x16', ((1 << bits) - 1) << from);
    });
  }

  /** `load` pushes bytes of a line of the codes, that of the first half of rows; of 8 bits these are the codes. */
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
