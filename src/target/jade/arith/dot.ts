/**
 * Products of MX rows: docs/numerics.md, section 2. This plain form is the definition.
 *
 * The sum of a block is exact in any order: integers, or multiples of 2^-18 below 2^23 for mxfp8,
 * which an f64 holds. So is its product with the two scales; `fround` then rounds once.
 */
import { E8M0_NAN } from '../../../base/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import { powerOfTwo } from './powers.ts';

/** Decoded rows: row r starts at element offset + r · stride and at scale scaleOffset + r · scaleStride. */
export interface DotRows {
  readonly elements: Int8Array | Float32Array;
  readonly offset: number;
  readonly stride: number;
  /** E8M0, one a block; undefined: every scale is 2^0. */
  readonly scales: Uint8Array | undefined;
  readonly scaleOffset: number;
  readonly scaleStride: number;
}

export interface DotRequest {
  /** M activation rows. */
  readonly a: DotRows;
  /** N weight rows. */
  readonly w: DotRows;
  readonly M: number;
  readonly N: number;
  /** Elements contracted, a multiple of 32. */
  readonly K: number;
  /** Unit exponents of the two formats, added: an element product counts units of 2^-unitExponent. */
  readonly unitExponent: number;
  /** Result (m, n) at outOffset + m · outStride + n. */
  readonly out: Float32Array;
  readonly outOffset: number;
  readonly outStride: number;
  /** Whether sums go on from what `out` holds, instead of from +0. */
  readonly accumulate: boolean;
}

/** Computes out[m][n] (+)= Σ_k a[m][k] · w[n][k]; NaN is canonical. */
export type Dot = (request: DotRequest) => void;

export const plainDot: Dot = (request) => {
  const { M, N, out, outOffset, outStride } = request;
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      const at = outOffset + m * outStride + n;
      const sum = dotRow(request, m, n, request.accumulate ? out[at]! : 0);
      out[at] = sum === sum ? sum : NaN;
    }
  }
};

function dotRow(
  { a, w, K, unitExponent }: DotRequest,
  m: number,
  n: number,
  start: number,
): number {
  const [aStart, wStart] = [a.offset + m * a.stride, w.offset + n * w.stride];
  const [aScale, wScale] = [a.scaleOffset + m * a.scaleStride, w.scaleOffset + n * w.scaleStride];
  let sum = start;
  for (let block = 0; block * MX_BLOCK < K; block++) {
    const k = block * MX_BLOCK;
    const products = blockSum(a.elements, aStart + k, w.elements, wStart + k);
    const sa = a.scales ? a.scales[aScale + block]! : 127;
    const sw = w.scales ? w.scales[wScale + block]! : 127;
    const isNaNBlock = sa === E8M0_NAN || sw === E8M0_NAN;
    const scale = isNaNBlock ? NaN : powerOfTwo(sa + sw - 254 - unitExponent);
    sum = Math.fround(sum + Math.fround(products * scale));
  }
  return sum;
}

function blockSum(
  a: Int8Array | Float32Array,
  aStart: number,
  w: Int8Array | Float32Array,
  wStart: number,
): number {
  let sum = 0;
  for (let i = 0; i < MX_BLOCK; i++) sum += a[aStart + i]! * w[wStart + i]!;
  return sum;
}
