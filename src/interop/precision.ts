/** Precisions that checkpoints are served in; bytes of a weight are those of cost/machine.ts. */
import type { UnitFormat } from '../chip/index.ts';
import type { FORMAT_BYTES } from '../cost/index.ts';

export type WeightFormat = Exclude<keyof typeof FORMAT_BYTES, 'mxint8'>;

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
