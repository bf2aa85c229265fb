/**
 * NVFP4: e2m1 elements with an e4m3 scale for each 16 of a row and one f32 number for the matrix.
 *
 *                       elements (U8 [out, in / 2])   scales (F8_E4M3 [out, in / 16])   number (F32)
 *   ModelOpt            weight                        weight_scale                      weight_scale_2, a multiplier
 *   compressed-tensors  weight_packed                 weight_scale                      weight_global_scale, a divisor
 *
 * The even element is in the low nibble. ModelOpt's FP8 checkpoints have e4m3 matrices with one
 * `weight_scale`. Which of the two a weight is in shows in its tensors.
 */
import { problem } from '../../../base/index.ts';
import type { StoredTensor } from '../safetensors.ts';
import type { Weight } from '../weight.ts';
import { activationsNote, moduleOf, requireDtype } from './format.ts';
import type { WeightFormat } from './format.ts';
import { e4m3Weight } from './fp8.ts';
import { unpackE2M1 } from './mxfp4.ts';
import { blockScales, matrixShape, requireOne, scaledRows } from './scaledRows.ts';

const COLUMNS = 16;
const ALGORITHMS: readonly unknown[] = ['NVFP4', 'FP8', 'MIXED_PRECISION'];

export const MODELOPT: WeightFormat = {
  problems({ quant_algo: algorithm }) {
    if (ALGORITHMS.includes(algorithm)) return [];
    const requirement = `one of ${ALGORITHMS.join(', ')}`;
    return [problem('quantization_config.quant_algo', requirement, algorithm)];
  },

  locate(name, tensors) {
    const codes = tensors.find(name);
    if (codes?.dtype === 'U8') {
      const scale = tensors.require(`${moduleOf(name)}.weight_scale`);
      return nvfp4Weight(codes, scale, {
        factor: tensors.require(`${moduleOf(name)}.weight_scale_2`),
      });
    }
    if (codes?.dtype !== 'F8_E4M3') return undefined;
    const scale = requireOne(tensors.require(`${moduleOf(name)}.weight_scale`));
    return e4m3Weight(codes, scale, matrixShape(codes));
  },

  note: () => activationsNote('quantised'),
};

/** The matrix of these bytes, scales and one number. Throws ShapeError when they do not belong together. */
export function nvfp4Weight(
  codes: StoredTensor,
  scale: StoredTensor,
  { factor, divisor }: { readonly factor?: StoredTensor; readonly divisor?: StoredTensor },
): Weight {
  const shape = matrixShape(codes, 2);
  requireDtype(codes, 'U8');
  return scaledRows({
    codes,
    shape,
    unpack: unpackE2M1,
    scales: blockScales(scale, shape, [1, COLUMNS]),
    columns: COLUMNS,
    factor: factor && requireOne(factor),
    divisor: divisor && requireOne(divisor),
  });
}
