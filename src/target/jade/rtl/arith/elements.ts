/** The element formats of MX as the hardware sees them: a sign and a small float. */
import { E2M1, F8E4M3, type Minifloat } from '../../../../base/index.ts';
import type { MxFormat } from '../../../../ir/index.ts';

/** The magnitudes of each format; those of mxint8 are a minifloat with no exponent but the subnormals'. */
export const MAGNITUDES: Readonly<Record<MxFormat, Minifloat>> = {
  mxint8: { mantissaBits: 6, bias: 1, maxCode: 127 },
  mxfp8: F8E4M3,
  mxfp4: E2M1,
};

/** Every element is an integer in units of 2^-n: 6 for mxint8, 9 for mxfp8, 1 for mxfp4. */
export function fixedPoint(format: MxFormat): number {
  const { bias, mantissaBits } = MAGNITUDES[format];
  return bias - 1 + mantissaBits;
}

/** How far the significand of the largest element is shifted to give that integer. */
export function largestShift(format: MxFormat): number {
  const { maxCode, mantissaBits } = MAGNITUDES[format];
  return (maxCode >> mantissaBits) - 1;
}
