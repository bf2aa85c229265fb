/**
 * Stored rows to panels.
 *
 *   panel   32 rows × all columns: its blocks, in the order of columns; rows beyond the last have scale 0
 *   block   a line of 32 f16 scales, in the order of rows; then lines of codes, 64 bytes each
 *   8 bits  line 2·g + h, of column group g (columns 4g…4g+3) and row half h (rows 16h…16h+15): byte 4·r + c is
 *           row r of the half and column c of the group, the value + 128
 *   4 bits  line i: low nibbles are what line i would be at 8 bits, high nibbles what line i + 8 would
 *
 * Nothing grows but by the padding. The nibbles of ggml's blocks of 32 lie in pairs 16 columns apart, as here, so
 * their bytes are kept as they are.
 */
import { FormatError, UnsupportedError } from '../../../base/index.ts';
import {
  BLOCK_COLUMNS,
  LINE_BYTES,
  PANEL_FORMATS,
  PANEL_ROWS,
  type PanelFormat,
  type PanelFormatName,
} from './panelFormats.table.ts';

/**
 * Packs `rows` stored rows of `columns` each into panels from the start of `out` on, which holds zeros. Throws
 * FormatError for a scale that is not finite, UnsupportedError for one of MXFP4 that is no f16.
 */
export function packPanels(
  name: PanelFormatName,
  stored: Uint8Array,
  rows: number,
  columns: number,
  out: Uint8Array,
): void {
  const format: PanelFormat = PANEL_FORMATS[name];
  const blocks = columns / BLOCK_COLUMNS;
  const scaleOf = name === 'MXFP4' ? scaleOfExponent : scaleAt;
  const signs = name === 'Q8_0' ? 0x80 : 0;
  for (let row = 0; row < rows; row++) {
    const [panel, lane] = [Math.floor(row / PANEL_ROWS), row % PANEL_ROWS];
    for (let block = 0; block < blocks; block++) {
      const from = (row * blocks + block) * format.stored.bytes;
      const to = (panel * blocks + block) * format.blockBytes;
      const scale = scaleOf(stored, from);
      out[to + 2 * lane] = scale & 0xff;
      out[to + 2 * lane + 1] = scale >> 8;
      const line = to + LINE_BYTES * (1 + (lane >> 4)) + 4 * (lane & 15);
      copyCodes(stored, from + format.stored.codesAt, 4 * format.bits, out, line, signs);
    }
  }
}

/** Four bytes to each second line, with the bits `signs` turned. */
function copyCodes(
  stored: Uint8Array,
  from: number,
  count: number,
  out: Uint8Array,
  to: number,
  signs: number,
): void {
  for (let i = 0; i < count; i += 4) {
    const at = to + 2 * LINE_BYTES * (i >> 2);
    out[at] = stored[from + i]! ^ signs;
    out[at + 1] = stored[from + i + 1]! ^ signs;
    out[at + 2] = stored[from + i + 2]! ^ signs;
    out[at + 3] = stored[from + i + 3]! ^ signs;
  }
}

/** The bits of the f16 at byte `at`. */
function scaleAt(stored: Uint8Array, at: number): number {
  const bits = stored[at]! | (stored[at + 1]! << 8);
  if ((bits & 0x7c00) !== 0x7c00) return bits;
  throw new FormatError('scales of weights must be finite', { hint: 'get the file again' });
}

/**
 * The bits of 2^(e − 128) in f16: half of what e8m0 e stands for, as levels are doubled. Blocks of zeros alone may
 * have any.
 */
function scaleOfExponent(stored: Uint8Array, at: number): number {
  const exponent = stored[at]! - 128;
  if (exponent >= -14 && exponent <= 15) return (exponent + 15) << 10;
  if (exponent >= -24 && exponent < -14) return 1 << (exponent + 24);
  if (stored.subarray(at + 1, at + 17).every((pair) => (pair & 0x77) === 0)) return 0;
  throw new UnsupportedError(
    `scales of MXFP4 must be from 2^-23 to 2^16, not 2^${exponent + 1}, to be kept in 4 bits`,
    { hint: "give the cpu target activations: 'f32'" },
  );
}
