/** Rows of FP8 and MXFP4 as the blocks of 32 columns that targets take (ir/storedRows.ts): what is in tensors apart, together. */
import type { StoredRows } from '../../../ir/index.ts';
import type { StoredTensor } from '../safetensors.ts';
import { readRowBytes } from '../weight.ts';
import type { BlockShape, RowValues } from './scaledRows.ts';

const COLUMNS = 32;
/** Rows that share scales in such blocks. */
const ROWS = 32;
const E4M3_BYTES = 4 + COLUMNS;
const MXFP4_BYTES = 1 + COLUMNS / 2;

/** Rows of e4m3 with a scale for each block of the matrix; undefined where these are no whole blocks of 32 × 32. */
export function e4m3Rows(
  codes: StoredTensor,
  scales: RowValues,
  [out, width]: readonly [number, number],
  [blockRows, blockColumns]: BlockShape,
): StoredRows | undefined {
  const isWhole = width % COLUMNS === 0 && (blockColumns % COLUMNS === 0 || blockColumns >= width);
  if (!isWhole || !(blockRows % ROWS === 0 || blockRows >= out)) return undefined;
  const blocks = width / COLUMNS;
  const groups = Math.ceil(width / blockColumns);
  const readBytes = (start: number, count: number): Uint8Array<ArrayBuffer> => {
    const [numbers, own] = [readRowBytes(codes, start, count), scales.read(start, count)];
    const bytes = new Uint8Array(count * blocks * E4M3_BYTES);
    const view = new DataView(bytes.buffer);
    for (let row = 0; row < count; row++) {
      for (let block = 0; block < blocks; block++) {
        const [from, at] = [(row * blocks + block) * COLUMNS, (row * blocks + block) * E4M3_BYTES];
        const group = Math.floor((block * COLUMNS) / blockColumns);
        view.setFloat32(at, own[row * groups + group]!, true);
        bytes.set(numbers.subarray(from, from + COLUMNS), at + 4);
      }
    }
    return bytes;
  };
  return { format: 'E4M3', rowBytes: blocks * E4M3_BYTES, readBytes };
}

/** Rows of e2m1 with an E8M0 scale for each 32 columns, as ggml has them; undefined where these are no whole blocks. */
export function mxfp4Rows(
  codes: StoredTensor,
  scale: StoredTensor,
  [out, width]: readonly [number, number],
): StoredRows | undefined {
  if (width % COLUMNS !== 0) return undefined;
  const blocks = width / COLUMNS;
  const exponents = { ...scale, shape: [out, blocks] };
  const readBytes = (start: number, count: number): Uint8Array<ArrayBuffer> => {
    const [pairs, own] = [readRowBytes(codes, start, count), readRowBytes(exponents, start, count)];
    const bytes = new Uint8Array(count * blocks * MXFP4_BYTES);
    for (let block = 0; block < count * blocks; block++) {
      const at = block * MXFP4_BYTES;
      bytes[at] = own[block]!;
      spreadPairs(pairs, block * (COLUMNS / 2), bytes, at + 1);
    }
    return bytes;
  };
  return { format: 'MXFP4', rowBytes: blocks * MXFP4_BYTES, readBytes };
}

/** Sixteen bytes of neighbours, the even column in the low nibble, to bytes of columns j and j + 16. */
function spreadPairs(pairs: Uint8Array, from: number, out: Uint8Array, to: number): void {
  for (let j = 0; j < COLUMNS / 2; j += 2) {
    const [low, high] = [pairs[from + j / 2]!, pairs[from + 8 + j / 2]!];
    out[to + j] = (low & 15) | ((high & 15) << 4);
    out[to + j + 1] = (low >> 4) | (high & 0xf0);
  }
}
