/** The kinds of panels, and what the kernels that read them share: levels, scales, nibbles. */
import { type FunctionBuilder, type Local } from '../../../wasm/index.ts';
import {
  PANEL_FORMATS,
  type PanelFormat,
  type PanelFormatName,
} from '../panels/panelFormats.table.ts';
import { pushSplat, VECTOR_BYTES } from './vectors.ts';

/** Rows in one vector, and vectors in a panel. */
export const VECTOR_ROWS = 4;
export const PANEL_VECTORS = 8;
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

/** The sixteen levels of a format plus `bias`, zeros where it has none. */
export function levelsOf(name: PanelFormatName, bias = 0): Uint8Array {
  const { levels = [] }: PanelFormat = PANEL_FORMATS[name];
  const bytes = new Uint8Array(VECTOR_BYTES);
  bytes.set(levels.map((level) => level + bias));
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
