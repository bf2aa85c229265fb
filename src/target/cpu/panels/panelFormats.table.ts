/**
 * The formats of panels: weights of 8 or 4 bits in blocks of 32 columns, as the kernels read them.
 *
 * A weight is (level − bias) · scale, where the level is the stored unsigned number, or the entry of the
 * table that it is an index of, plus its bias.
 */
import { type StoredFormat } from '../../../ir/index.ts';

/** Rows of a panel, and columns of a block. */
export const PANEL_ROWS = 32;
export const BLOCK_COLUMNS = 32;
export const LINE_BYTES = 64;

export interface PanelFormat {
  /** The number that kernels know it by; 0 are rows in f32. */
  readonly code: number;
  readonly bits: 8 | 4;
  readonly bias: number;
  /** Of formats whose sixteen codes are not even: the level of each, without bias. */
  readonly levels?: readonly number[];
  /** Bytes of a block: a line of scales and the lines of codes. */
  readonly blockBytes: number;
  /** Bytes of a stored block, and where its codes are; before them is its scale. */
  readonly stored: { readonly bytes: number; readonly codesAt: number };
}

/** One line of scales, and one for each 64 codes of 8 bits. */
function blockBytes(bits: 8 | 4): number {
  return LINE_BYTES + (PANEL_ROWS * BLOCK_COLUMNS * bits) / 8;
}

const OF_4_BITS = { bits: 4, blockBytes: blockBytes(4) } as const;

export const PANEL_FORMATS = {
  Q8_0: {
    code: 1,
    bits: 8,
    bias: 128,
    blockBytes: blockBytes(8),
    stored: { bytes: 34, codesAt: 2 },
  },
  Q4_0: { code: 2, ...OF_4_BITS, bias: 8, stored: { bytes: 18, codesAt: 2 } },
  IQ4_NL: {
    code: 3,
    ...OF_4_BITS,
    bias: 0,
    levels: [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113],
    stored: { bytes: 18, codesAt: 2 },
  },
  /** Levels are twice those of e2m1, so scales are half of what is stored. */
  MXFP4: {
    code: 4,
    ...OF_4_BITS,
    bias: 0,
    levels: [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12],
    stored: { bytes: 17, codesAt: 1 },
  },
} as const satisfies Partial<Record<StoredFormat, PanelFormat>>;

/** Formats whose weights are kept in panels. */
export type PanelFormatName = keyof typeof PANEL_FORMATS;

export function isPanelFormat(format: StoredFormat): format is PanelFormatName {
  return format in PANEL_FORMATS;
}

/** Bytes of the panels of `rows` rows of `columns`, the last panel filled up. */
export function panelBytes(format: PanelFormatName, rows: number, columns: number): number {
  const blocks = Math.ceil(rows / PANEL_ROWS) * (columns / BLOCK_COLUMNS);
  return blocks * PANEL_FORMATS[format].blockBytes;
}
