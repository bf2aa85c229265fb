/**
 * The formats of panels: weights in blocks of 32 columns, as the kernels read them, in the bits that they are stored in.
 *
 * Floats are multiplied with activations in f32, as floats. Integers are multiplied with activations in 8 bits:
 *
 *   weight = scale · (level − bias) − min
 *
 * The level is the code, or the entry of the table that it is an index of, plus the bias. A code has one or two planes
 * of bits (packPanels.ts). Scales and mins are f16 in a header that one block has, or eight share; then each block, or
 * each half of it, has small integers that they are multiplied with.
 */
import type { StoredFormat } from '../../../ir/index.ts';

/** Rows of a panel, and columns of a block. */
export const PANEL_ROWS = 32;
export const BLOCK_COLUMNS = 32;
export const LINE_BYTES = 64;

/** How the scales of a format are kept. */
export interface Scaling {
  /** Blocks that share a header. */
  readonly unitBlocks: 1 | 8;
  readonly hasMin: boolean;
  /** Parts of a block that have scales of their own: all columns, or two halves. */
  readonly parts: 1 | 2;
  /**
   * Of eight blocks: the line of integers that each starts with, for 32 rows each. Bytes are signed: scales of the
   * parts, or the scale and the min. Nibbles: the parts, scales low and mins high.
   */
  readonly integers?: 'bytes' | 'nibbles';
}

export interface IntegerFormat {
  /** The number that kernels know it by; 0 are rows in f32. */
  readonly code: number;
  /** Bits of the planes of a code, the lowest first. */
  readonly planes: readonly Plane[];
  readonly bias: Bias;
  /** Of formats whose sixteen codes are not even: the level of each, without bias. */
  readonly levels?: readonly number[];
  readonly scaling: Scaling;
  /** Columns of a stored block, and its bytes. */
  readonly stored: { readonly columns: 32 | 256; readonly bytes: number };
}

/** Numbers of 16 bits; or of 8, of which 32 rows and columns share an f32 scale. */
export interface FloatFormat {
  readonly code: number;
  readonly element: 'BF16' | 'F16' | 'E4M3';
  /** Blocks that share a header of as many scales; without a header, 1. */
  readonly unitBlocks: 1 | 4;
  readonly stored: { readonly columns: 1 | 32; readonly bytes: number };
}

export type PanelFormat = IntegerFormat | FloatFormat;

export type Plane = 8 | 4 | 2 | 1;
export type Bias = 128 | 32 | 16 | 8 | 4 | 0;

const SCALE = { unitBlocks: 1, hasMin: false, parts: 1 } as const;
const SCALE_AND_MIN = { unitBlocks: 1, hasMin: true, parts: 1 } as const;
const BYTES = { unitBlocks: 8, integers: 'bytes' } as const;
const BYTES_OF_BLOCKS = { ...BYTES, hasMin: true, parts: 1 } as const;
const BYTES_OF_HALVES = { ...BYTES, hasMin: false, parts: 2 } as const;
const NIBBLES_OF_HALVES = { unitBlocks: 8, hasMin: true, parts: 2, integers: 'nibbles' } as const;

/** A block as ggml stores it. */
const block = <B extends number>(bytes: B) => ({ columns: 32, bytes }) as const;
const superBlock = <B extends number>(bytes: B) => ({ columns: 256, bytes }) as const;

export const INTEGER_FORMATS = {
  Q8_0: { code: 1, planes: [8], bias: 128, scaling: SCALE, stored: block(34) },
  Q4_0: { code: 2, planes: [4], bias: 8, scaling: SCALE, stored: block(18) },
  IQ4_NL: {
    code: 3,
    planes: [4],
    bias: 0,
    levels: [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113],
    scaling: SCALE,
    stored: block(18),
  },
  /** Levels are twice those of e2m1, so scales are half of what is stored. */
  MXFP4: {
    code: 4,
    planes: [4],
    bias: 0,
    levels: [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12],
    scaling: SCALE,
    stored: block(17),
  },
  Q4_1: { code: 5, planes: [4], bias: 0, scaling: SCALE_AND_MIN, stored: block(20) },
  Q5_0: { code: 6, planes: [4, 1], bias: 16, scaling: SCALE, stored: block(22) },
  Q5_1: { code: 7, planes: [4, 1], bias: 0, scaling: SCALE_AND_MIN, stored: block(24) },
  Q2_K: { code: 8, planes: [2], bias: 0, scaling: NIBBLES_OF_HALVES, stored: superBlock(84) },
  Q3_K: { code: 9, planes: [2, 1], bias: 4, scaling: BYTES_OF_HALVES, stored: superBlock(110) },
  Q4_K: { code: 10, planes: [4], bias: 0, scaling: BYTES_OF_BLOCKS, stored: superBlock(144) },
  Q5_K: { code: 11, planes: [4, 1], bias: 0, scaling: BYTES_OF_BLOCKS, stored: superBlock(176) },
  Q6_K: { code: 12, planes: [4, 2], bias: 32, scaling: BYTES_OF_HALVES, stored: superBlock(210) },
} as const satisfies Partial<Record<StoredFormat, IntegerFormat>>;

/** Codes of floats are from here on. */
export const FIRST_FLOAT_CODE = 64;

export const FLOAT_FORMATS = {
  BF16: { code: 64, element: 'BF16', unitBlocks: 1, stored: { columns: 1, bytes: 2 } },
  F16: { code: 65, element: 'F16', unitBlocks: 1, stored: { columns: 1, bytes: 2 } },
  E4M3: { code: 66, element: 'E4M3', unitBlocks: 4, stored: block(36) },
} as const satisfies Partial<Record<StoredFormat, FloatFormat>>;

export const PANEL_FORMATS = { ...INTEGER_FORMATS, ...FLOAT_FORMATS } as const;

export type IntegerFormatName = keyof typeof INTEGER_FORMATS;
export type FloatFormatName = keyof typeof FLOAT_FORMATS;

/** Formats whose weights are kept in panels. */
export type PanelFormatName = IntegerFormatName | FloatFormatName;

export const PANEL_FORMAT_NAMES = Object.keys(PANEL_FORMATS) as readonly PanelFormatName[];

export function isPanelFormat(format: StoredFormat): format is PanelFormatName {
  return format in PANEL_FORMATS;
}

export function isFloatFormat(name: PanelFormatName): name is FloatFormatName {
  return name in FLOAT_FORMATS;
}
