/**
 * Fake quantisation: f32 values rounded to e4m3 or e2m1 and back, a scale for each group.
 *
 * The bounds on the largest magnitude keep scales normal; with them, and scales of powers of two found
 * from the f32 bits of the ratio, the values are those of the makers' kernels of DeepSeek-V4.1.
 */
import { E2M1_VALUES, encodeE2M1, encodeF8E4M3, F8E4M3_VALUES } from '../base/index.ts';
import type { FakeQuantizeAttrs } from './ops.table.ts';

/** A format of few bits. */
export interface FakeFormat {
  /** The largest value. */
  readonly largest: number;
  /** The least that the largest magnitude of a group counts as, by kind of scale. */
  readonly least: Readonly<Record<FakeQuantizeAttrs['scale'], number>>;
  /** The nearest value, ties to even, saturated. */
  round(x: number): number;
}

const round = {
  e4m3: (x: number): number => F8E4M3_VALUES[encodeF8E4M3(x)]!,
  e2m1: (x: number): number => E2M1_VALUES[encodeE2M1(x)]!,
};

/** The formats by name. */
export const FAKE_FORMATS: Readonly<Record<FakeQuantizeAttrs['format'], FakeFormat>> = {
  e4m3: { largest: 448, least: { powerOfTwo: 1e-4, e4m3: 448 * 2 ** -9 }, round: round.e4m3 },
  e2m1: { largest: 6, least: { powerOfTwo: 6 * 2 ** -126, e4m3: 6 * 2 ** -9 }, round: round.e2m1 },
};

/** out = one row, rounded. */
export function fakeQuantize(
  row: Float32Array,
  { format: name, group, scale: kind }: FakeQuantizeAttrs,
  out: Float32Array,
): void {
  const format = FAKE_FORMATS[name];
  for (let start = 0; start < row.length; start += group) {
    const values = row.subarray(start, start + group);
    const magnitude = values.reduce((most, x) => Math.max(most, Math.abs(x)), format.least[kind]);
    const scale =
      kind === 'e4m3'
        ? round.e4m3(Math.fround(magnitude / format.largest))
        : powerOfTwoFrom(Math.fround(magnitude * Math.fround(1 / format.largest)));
    for (const [i, x] of values.entries()) {
      out[start + i] = format.round(Math.fround(x / scale)) * scale;
    }
  }
}

/** The smallest power of two from x, a normal f32. */
function powerOfTwoFrom(x: number): number {
  bits[0] = x;
  const exponent = (words[0]! >>> 23) - 127;
  return 2 ** ((words[0]! & 0x7fffff) === 0 ? exponent : exponent + 1);
}

const bits = new Float32Array(1);
const words = new Uint32Array(bits.buffer);
