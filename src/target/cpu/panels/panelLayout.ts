/**
 * Where everything is in a panel, from what the table says of its format.
 *
 *   panel   32 rows × all columns: units of one or eight blocks, in the order of columns
 *   unit    a line of 32 f16 scales, in the order of rows; a line of f16 mins, if there are any; its blocks
 *   block   a line of integers, if the unit has eight blocks; then lines of codes, 64 bytes each, plane by plane
 *   8 bits  line 2·g + h, of column group g (columns 4g…4g+3) and row half h (rows 16h…16h+15): byte 4·r + c is
 *           row r of the half and column c of the group
 *   b bits  2·b lines: bits b·j… of line i are what line i + 2·b·j would be at 8 bits
 *
 * Of floats a block is its columns, one after another, 32 numbers each in the order of rows; units of E4M3 start with a
 * line whose first four numbers are the f32 scales of its blocks, times 2^120: what a code, moved to the bits of an f32,
 * is to be multiplied with.
 */
import {
  BLOCK_COLUMNS,
  LINE_BYTES,
  PANEL_FORMATS,
  PANEL_ROWS,
  type IntegerFormat,
  type PanelFormat,
  type PanelFormatName,
  type Scaling,
} from './panelFormats.table.ts';

/** Bytes of the parts of a unit. */
export interface PanelLayout {
  readonly unitBlocks: number;
  readonly headerBytes: number;
  /** In a block: where its codes start, and all of it. */
  readonly codesAt: number;
  readonly blockBytes: number;
  readonly unitBytes: number;
}

/** What is multiplied with the scales of E4M3: exponents of f32 are that much larger. */
export const E4M3_FACTOR = 2 ** 120;

export function layoutOf(format: PanelFormat): PanelLayout {
  if (!('element' in format)) return layoutOfIntegers(format);
  const { unitBlocks, element } = format;
  const headerBytes = element === 'E4M3' ? LINE_BYTES : 0;
  const blockBytes = PANEL_ROWS * BLOCK_COLUMNS * (element === 'E4M3' ? 1 : 2);
  const unitBytes = headerBytes + unitBlocks * blockBytes;
  return { unitBlocks, headerBytes, codesAt: 0, blockBytes, unitBytes };
}

function layoutOfIntegers({ planes, scaling }: IntegerFormat): PanelLayout {
  const { unitBlocks, hasMin, integers } = scaling;
  const headerBytes = hasMin ? 2 * LINE_BYTES : LINE_BYTES;
  const codesAt = integers ? LINE_BYTES : 0;
  const lines = planes.reduce((sum, bits) => sum + planeLines(bits), 0);
  const blockBytes = codesAt + lines * LINE_BYTES;
  const unitBytes = headerBytes + unitBlocks * blockBytes;
  return { unitBlocks, headerBytes, codesAt, blockBytes, unitBytes };
}

/** Lines of a plane of so many bits. */
function planeLines(bits: number): number {
  return (PANEL_ROWS * BLOCK_COLUMNS * bits) / 8 / LINE_BYTES;
}

/** Where a plane of a code is, and where it comes in the code. */
export interface PlanePlace {
  /** Line of the codes of a block, for the first half of rows; that of the second half is the next. */
  readonly line: number;
  /** The lowest bit in the bytes of the line, and in the code. */
  readonly shift: number;
  readonly from: number;
  readonly bits: number;
}

/** The planes of the codes of a column group. */
export function planesOf({ planes }: IntegerFormat, group: number): readonly PlanePlace[] {
  let [first, from] = [0, 0];
  return planes.map((bits) => {
    const lines = planeLines(bits);
    const line = first + ((2 * group) % lines);
    const place = { line, shift: bits * Math.floor((2 * group) / lines), from, bits };
    [first, from] = [first + lines, from + bits];
    return place;
  });
}

/** Byte of the integers of a block, for row 0, that scales or mins of a part are multiplied with; nibbles: which of it. */
export function integerPlace(
  { integers, hasMin }: Scaling,
  kind: 'scale' | 'min',
  part: number,
): { readonly at: number; readonly nibble?: 'low' | 'high' } | undefined {
  if (integers === undefined) return undefined;
  if (integers === 'nibbles')
    return { at: PANEL_ROWS * part, nibble: kind === 'scale' ? 'low' : 'high' };
  return { at: PANEL_ROWS * (hasMin && kind === 'min' ? 1 : part) };
}

/** Bytes of the panels of `rows` rows of `columns`, the last panel filled up. */
export function panelBytes(format: PanelFormatName, rows: number, columns: number): number {
  const { unitBlocks, unitBytes } = layoutOf(PANEL_FORMATS[format]);
  const units = columns / BLOCK_COLUMNS / unitBlocks;
  return Math.ceil(rows / PANEL_ROWS) * units * unitBytes;
}

/** Columns that rows are a multiple of. */
export function unitColumns(format: PanelFormatName): number {
  return layoutOf(PANEL_FORMATS[format]).unitBlocks * BLOCK_COLUMNS;
}
