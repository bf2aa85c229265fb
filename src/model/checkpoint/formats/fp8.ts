/**
 * FP8: e4m3 matrices with a scale for each block of them.
 *
 *   weight            F8_E4M3 [out, in]
 *   weight_scale_inv  [⌈out / rows⌉, ⌈in / columns⌉] in F32, BF16 or F8_E8M0; a multiplier despite its
 *                     name [1]. DeepSeek-V4 calls it `scale`, beside `weight`.
 *
 * The block is that of `weight_block_size`, 128 × 128 or 32 × 32; tables that are read by row
 * (DeepSeek-V4.1) have E8M0 scales for 32 elements of a row each. Checkpoints of this method with
 * `expert_dtype: "fp4"` keep the routed experts in MXFP4 (mxfp4.ts).
 *
 * [1] https://github.com/deepseek-ai/DeepSeek-V3/blob/main/README_WEIGHTS.md
 */
import { F8E4M3_VALUES, problem } from '../../../base/index.ts';
import type { JsonRecord } from '../../../base/index.ts';
import type { StoredTensor } from '../safetensors.ts';
import type { Weight } from '../weight.ts';
import { moduleOf } from './format.ts';
import type { TensorSet, WeightFormat } from './format.ts';
import { mxfp4Weight } from './mxfp4.ts';
import { blockScales, matrixShape, scaledRows } from './scaledRows.ts';
import type { BlockShape } from './scaledRows.ts';
import { e4m3Rows } from './storedBlocks.ts';

const DEFAULT_BLOCK: BlockShape = [128, 128];
const BLOCKS: readonly BlockShape[] = [DEFAULT_BLOCK, [32, 32]];
const ROW_BLOCK: BlockShape = [1, 32];

export const FP8: WeightFormat = {
  problems({ fmt = 'e4m3', weight_block_size: block }) {
    const problems = fmt === 'e4m3' ? [] : [problem('quantization_config.fmt', '"e4m3"', fmt)];
    if (BLOCKS.some((known) => isBlock(block, known))) return problems;
    const requirement = '[128, 128] or [32, 32]';
    return [...problems, problem('quantization_config.weight_block_size', requirement, block)];
  },

  locate(name, tensors, { weight_block_size: block }) {
    const codes = tensors.find(name);
    if (codes === undefined) return undefined;
    if (codes.dtype === 'F8_E4M3') {
      const shape = matrixShape(codes);
      const scale = scaleOf(name, tensors);
      const given = BLOCKS.find((known) => isBlock(block, known)) ?? DEFAULT_BLOCK;
      return e4m3Weight(codes, scale, isScaledByRow(scale, shape) ? ROW_BLOCK : given);
    }
    const scale = tensors.find(`${moduleOf(name)}.scale`);
    const packed = codes.dtype === 'I8' || codes.dtype === 'U8';
    return packed && scale?.dtype === 'F8_E8M0' ? mxfp4Weight(codes, scale) : undefined;
  },
};

/** The e4m3 matrix with a scale for each block. Throws ShapeError when they do not belong together. */
export function e4m3Weight(codes: StoredTensor, scale: StoredTensor, block: BlockShape): Weight {
  const shape = matrixShape(codes);
  const scales = blockScales(scale, shape, block);
  const weight = scaledRows({ codes, shape, unpack: unpackE4M3, scales, columns: block[1] });
  return { ...weight, rows: e4m3Rows(codes, scales, shape, block) };
}

/** The value of each byte. */
function unpackE4M3(row: Uint8Array, out: Float32Array): void {
  for (let i = 0; i < out.length; i++) out[i] = F8E4M3_VALUES[row[i]!]!;
}

function scaleOf(name: string, tensors: TensorSet): StoredTensor {
  const scale = tensors.find(`${name}_scale_inv`) ?? tensors.find(`${moduleOf(name)}.scale`);
  return scale ?? tensors.require(`${name}_scale_inv`);
}

/** Whether there are E8M0 scales for 32 elements of a row each. */
function isScaledByRow(
  { dtype, shape }: StoredTensor,
  [out, width]: readonly [number, number],
): boolean {
  const [, columns] = ROW_BLOCK;
  return dtype === 'F8_E8M0' && shape[0] === out && shape[1] === Math.ceil(width / columns);
}

function isBlock(value: JsonRecord[string], block: BlockShape): boolean {
  return Array.isArray(value) && value.length === 2 && block.every((n, i) => value[i] === n);
}
