/**
 * MXFP4 [1]: e2m1 elements with an E8M0 scale for each 32 of a row.
 *
 *   weight  I8 or U8 [out, in / 2]: two elements a byte, the even one in the low nibble
 *   scale   F8_E8M0, or U8 with the same codes, [out, in / 32]
 *
 * DeepSeek-V4 writes `weight` and `scale`, Quark `weight` and `weight_scale`, compressed-tensors
 * `weight_packed` and `weight_scale`.
 *
 * [1] OCP Microscaling Formats (MX) Specification v1.0, section 5.2
 */
import { E2M1_VALUES, E8M0_VALUES } from '../../../base/index.ts';
import type { StoredTensor } from '../safetensors.ts';
import { decoderOf, lookUp } from '../tensorValues.ts';
import type { Weight } from '../weight.ts';
import { requireDtype } from './format.ts';
import { blockScales, matrixShape, scaledRows } from './scaledRows.ts';
import { mxfp4Rows } from './storedBlocks.ts';

const COLUMNS = 32;

/** The matrix of these bytes and scales. Throws ShapeError when they do not belong together. */
export function mxfp4Weight(codes: StoredTensor, scale: StoredTensor): Weight {
  const shape = matrixShape(codes, 2);
  requireDtype(codes, 'U8', 'I8');
  const decode =
    scale.dtype === 'U8' ? (bytes: Uint8Array) => lookUp(bytes, E8M0_VALUES) : decoderOf(scale);
  const weight = scaledRows({
    codes,
    shape,
    unpack: unpackE2M1,
    scales: blockScales(scale, shape, [1, COLUMNS], decode),
    columns: COLUMNS,
  });
  return { ...weight, rows: mxfp4Rows(codes, scale, shape) };
}

/** The values of the nibbles of each byte, the low one first. */
export function unpackE2M1(row: Uint8Array, out: Float32Array): void {
  for (let i = 0; i < out.length; i += 2) {
    out[i] = E2M1_VALUES[row[i >> 1]! & 15]!;
    out[i + 1] = E2M1_VALUES[row[i >> 1]! >> 4]!;
  }
}
