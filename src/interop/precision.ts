/**
 * Precisions that checkpoints are served in.
 *
 * Bits of a weight with its scales: MX formats one E8M0 byte for 32 [1]; FP8 one f32 for 128×128 as in
 * DeepSeek-V3; INT8 one f32 an output channel, counted as none; INT4 one bf16 for 128.
 *
 * [1] OCP Microscaling Formats (MX) Specification v1.0, section 5.
 */
import type { UnitFormat } from '../chip/index.ts';

export const WEIGHT_BITS = {
  bf16: 16,
  fp16: 16,
  fp8: 8 + 32 / 128 ** 2,
  int8: 8,
  int4: 4 + 16 / 128,
  mxfp8: 8 + 8 / 32,
  mxfp4: 4 + 8 / 32,
} as const;
export type WeightFormat = keyof typeof WEIGHT_BITS;

/** Groups of weights that checkpoints treat alike. */
export const GROUPS = ['experts', 'matrices', 'ngrams', 'embeddings', 'vectors'] as const;
export type Group = (typeof GROUPS)[number];

/** The format of each group. */
export type Formats = Readonly<Record<Group, WeightFormat>>;

/** A precision other than the checkpoint's own, and the format that its products are computed in. */
interface Precision {
  readonly formats: Formats;
  readonly computes: UnitFormat;
}

function precision(computes: UnitFormat, experts: WeightFormat, matrices = experts): Precision {
  const plain = computes === 'fp16' ? 'fp16' : 'bf16';
  return {
    formats: { experts, matrices, ngrams: matrices, embeddings: plain, vectors: plain },
    computes,
  };
}

/** In W4A8 of mixtures of experts only the experts have 4 bits, as ModelSlim makes them. */
export const PRECISIONS = {
  bf16: precision('bf16', 'bf16'),
  fp16: precision('fp16', 'fp16'),
  fp8: precision('fp8', 'fp8'),
  mxfp8: precision('fp8', 'mxfp8'),
  mxfp4: precision('mxfp4', 'mxfp4', 'mxfp8'),
  w8a8: precision('int8', 'int8'),
  w8a16: precision('bf16', 'int8'),
  w4a8: precision('int8', 'int4', 'int8'),
  w4a16: precision('bf16', 'int4'),
  w4a4: precision('int4', 'int4'),
} as const satisfies Record<string, Precision>;

/** As the makers of the model publish it. */
export const PUBLISHED = 'checkpoint';
export const PRECISION_NAMES = [
  PUBLISHED,
  ...(Object.keys(PRECISIONS) as (keyof typeof PRECISIONS)[]),
] as const;
export type PrecisionName = (typeof PRECISION_NAMES)[number];

/** What a matrix unit must multiply for weights of this format. */
export const UNIT_FORMAT_OF: Readonly<Record<WeightFormat, UnitFormat>> = {
  bf16: 'bf16',
  fp16: 'fp16',
  fp8: 'fp8',
  int8: 'int8',
  int4: 'int4',
  mxfp8: 'fp8',
  mxfp4: 'mxfp4',
};
