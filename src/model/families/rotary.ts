/**
 * Constants of rotary position embedding: θ_i = base^(-2i/d), stretched by YaRN where configured.
 *
 * YaRN leaves channel pairs that turn often within the original context as they are, divides the
 * frequency of those that turn rarely by the factor, and blends linearly in between [1, section 3.2].
 *
 * [1] Peng et al.: YaRN, https://arxiv.org/abs/2309.00071
 * [2] DeepSeek-V3, inference/model.py, precompute_freqs_cis and MLA.softmax_scale,
 *     https://github.com/deepseek-ai/DeepSeek-V3
 */
import type { YarnScaling } from '../checkpoint/rope.ts';

export interface RotaryConstants {
  /** Radians per position of each channel pair. */
  readonly frequencies: readonly number[];
  /** Multiplies cosines and sines. */
  readonly magnitude: number;
  /** m(mscale_all_dim)²: what DeepSeek multiplies the softmax scale by. */
  readonly softmaxFactor: number;
}

/** The constants for `dims` rotated channels (even). */
export function rotaryConstants(
  dims: number,
  base: number,
  yarn: YarnScaling | null,
): RotaryConstants {
  const plain = Array.from({ length: dims / 2 }, (_, i) => base ** ((-2 * i) / dims));
  if (yarn === null) return { frequencies: plain, magnitude: 1, softmaxFactor: 1 };
  const share = interpolatedShare(dims, base, yarn);
  const allDims = magnitude(yarn.factor, yarn.mscale_all_dim);
  return {
    frequencies: plain.map((f, i) => f * (1 - share(i)) + (f / yarn.factor) * share(i)),
    magnitude: magnitude(yarn.factor, yarn.mscale) / allDims,
    softmaxFactor: allDims ** 2,
  };
}

/** How far pair i is divided by the factor: 0 not at all, 1 fully. */
function interpolatedShare(dims: number, base: number, yarn: YarnScaling): (i: number) => number {
  /** The pair that turns `rotations` times within the original context. */
  const pairOf = (rotations: number): number =>
    (dims * Math.log(yarn.original_max_position_embeddings / (rotations * 2 * Math.PI))) /
    (2 * Math.log(base));
  const low = Math.max(Math.floor(pairOf(yarn.beta_fast)), 0);
  const high = Math.min(Math.ceil(pairOf(yarn.beta_slow)), dims - 1);
  const width = high === low ? 0.001 : high - low; // as in [2]: never a division by zero
  return (i) => Math.min(Math.max((i - low) / width, 0), 1);
}

/** Growth of attention's logits to make up for longer contexts [1, section 3.4]. */
function magnitude(factor: number, mscale: number): number {
  return 0.1 * mscale * Math.log(factor) + 1;
}
