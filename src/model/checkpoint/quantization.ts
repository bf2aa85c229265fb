/** The `quantization_config` of a checkpoint: only the block-scaled FP8 of DeepSeek-V3 and Qwen3-FP8 is known. */
import { isRecord, problem, UnsupportedError } from '../../base/index.ts';
import type { JsonRecord } from '../../base/index.ts';

/** Rows and columns of a weight that share one scale. */
export type BlockShape = readonly [rows: number, columns: number];

const BLOCK_SHAPE: BlockShape = [128, 128];

/** Block shape of the FP8 weights of a model with this configuration. Throws UnsupportedError for any other quantisation. */
export function weightBlockShape(config: JsonRecord, where: string): BlockShape {
  const problems = quantizationProblems(config['quantization_config']);
  if (problems.length === 0) return BLOCK_SHAPE;
  throw new UnsupportedError(problems.join('; '), {
    where,
    hint: 'use the BF16 weights or the FP8 weights in 128 × 128 blocks of this model',
  });
}

/** What a `quantization_config` asks for beyond FP8 e4m3 in 128 × 128 blocks; empty when nothing. */
export function quantizationProblems(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (!isRecord(value)) return [problem('quantization_config', 'an object or null', value)];
  const { quant_method: method, fmt = 'e4m3', weight_block_size: block } = value;
  if (method !== 'fp8') return [problem('quantization_config.quant_method', '"fp8"', method)];
  const problems = fmt === 'e4m3' ? [] : [problem('quantization_config.fmt', '"e4m3"', fmt)];
  if (isBlockShape(block)) return problems;
  return [...problems, problem('quantization_config.weight_block_size', '[128, 128]', block)];
}

function isBlockShape(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && BLOCK_SHAPE.every((n, i) => value[i] === n);
}
