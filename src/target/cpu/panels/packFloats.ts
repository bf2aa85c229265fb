/** Stored rows of floats to panels, laid out as panelLayout.ts says: every bit is kept. */
import { FormatError, UnsupportedError } from '../../../base/index.ts';
import {
  BLOCK_COLUMNS,
  FLOAT_FORMATS,
  PANEL_ROWS,
  type FloatFormatName,
} from './panelFormats.table.ts';
import { E4M3_FACTOR, layoutOf } from './panelLayout.ts';

/** Throws FormatError for a number that is not finite, UnsupportedError for scales that a panel cannot have. */
export function packFloats(
  name: FloatFormatName,
  stored: Uint8Array,
  rows: number,
  columns: number,
  out: Uint8Array,
): void {
  if (name === 'E4M3') packScaled(stored, rows, columns, out);
  else packHalves(stored, rows, columns, out, name === 'BF16' ? 0x7f80 : 0x7c00);
}

/** Numbers whose exponent has all of `exponent` are not finite. */
function packHalves(
  stored: Uint8Array,
  rows: number,
  columns: number,
  out: Uint8Array,
  exponent: number,
): void {
  const numbers = new Uint16Array(out.buffer, out.byteOffset, out.byteLength >> 1);
  for (let row = 0; row < rows; row++) {
    const to = Math.floor(row / PANEL_ROWS) * PANEL_ROWS * columns + (row % PANEL_ROWS);
    for (let k = 0; k < columns; k++) {
      const from = 2 * (row * columns + k);
      const bits = stored[from]! | (stored[from + 1]! << 8);
      if ((bits & exponent) === exponent) throw notFinite('weights');
      numbers[to + PANEL_ROWS * k] = bits;
    }
  }
}

/** Stored blocks of 32 columns: an f32 scale and the codes. */
function packScaled(stored: Uint8Array, rows: number, columns: number, out: Uint8Array): void {
  const { unitBlocks, headerBytes, blockBytes, unitBytes } = layoutOf(FLOAT_FORMATS.E4M3);
  const blockStored = FLOAT_FORMATS.E4M3.stored.bytes;
  const [read, write] = [viewOf(stored), viewOf(out)];
  const blocks = columns / BLOCK_COLUMNS;
  const units = blocks / unitBlocks;
  for (let row = 0; row < rows; row++) {
    const [panel, lane] = [Math.floor(row / PANEL_ROWS), row % PANEL_ROWS];
    for (let block = 0; block < blocks; block++) {
      const from = (row * blocks + block) * blockStored;
      const index = block % unitBlocks;
      const unit = (panel * units + Math.floor(block / unitBlocks)) * unitBytes;
      const scale = Math.fround(read.getFloat32(from, true) * E4M3_FACTOR);
      if (lane === 0) write.setFloat32(unit + 4 * index, requireScale(scale), true);
      else if (write.getFloat32(unit + 4 * index, true) !== scale) throw unevenScales();
      const to = unit + headerBytes + index * blockBytes + lane;
      for (let k = 0; k < BLOCK_COLUMNS; k++) {
        const code = stored[from + 4 + k]!;
        if ((code & 0x7f) === 0x7f) throw notFinite('weights');
        out[to + PANEL_ROWS * k] = code;
      }
    }
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function requireScale(scaled: number): number {
  if (Number.isFinite(scaled)) return scaled;
  throw new UnsupportedError(
    'scales of FP8 weights must be finite and below 2^8, to be kept in 8 bits',
    {
      hint: 'use the BF16 weights of this model',
    },
  );
}

function unevenScales(): UnsupportedError {
  return new UnsupportedError(
    `${PANEL_ROWS} rows of FP8 weights must share their scales, to be kept in 8 bits`,
    { hint: 'use the BF16 weights of this model' },
  );
}

function notFinite(what: string): FormatError {
  return new FormatError(`${what} must be finite`, { hint: 'get the file again' });
}
