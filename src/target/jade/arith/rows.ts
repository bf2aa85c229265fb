/**
 * Row operations of the vector unit: docs/numerics.md, section 3, on f32 arrays with offsets. `out`
 * may be the input itself. A NaN may be any NaN here; `canonicalize` makes it the canonical one.
 */
import { exp2, LOG2E, reciprocal, rsqrt, swiglu } from './functions.ts';
import { powerOfTwo } from './powers.ts';
import { isLarger, laneSum } from './reduce.ts';

const { fround } = Math;

/** A row: an array, and where in it the row starts. */
export interface Row {
  readonly values: Float32Array;
  readonly offset: number;
}

/** The bits of the canonical quiet NaN. */
export const CANONICAL_NAN = 0x7fc00000;

/** Replaces each NaN among `count` f32, given by their bits, by the canonical one. */
export function canonicalize(words: Uint32Array, offset: number, count: number): void {
  for (let i = offset; i < offset + count; i++) {
    if ((words[i]! & 0x7fffffff) > 0x7f800000) words[i] = CANONICAL_NAN;
  }
}

/** out = f(a), element by element. */
export function mapRow(f: (a: number) => number, a: Row, count: number, out: Row): void {
  for (let i = 0; i < count; i++) out.values[out.offset + i] = f(a.values[a.offset + i]!);
}

/** out = f(a, b), element by element. */
export function mapRows(
  f: (a: number, b: number) => number,
  a: Row,
  b: Row,
  count: number,
  out: Row,
): void {
  for (let i = 0; i < count; i++) {
    out.values[out.offset + i] = f(a.values[a.offset + i]!, b.values[b.offset + i]!);
  }
}

export function swigluRow(gate: Row, up: Row, limit: number, count: number, out: Row): void {
  mapRows((g, u) => swiglu(g, u, limit), gate, up, count, out);
}

/** out = factor · a. */
export function scaleRow(a: Row, factor: number, count: number, out: Row): void {
  for (let i = 0; i < count; i++) out.values[out.offset + i] = factor * a.values[a.offset + i]!;
}

/** out += factor · a: the product rounds, then the sum. A term of `mix`, too. */
export function scaleAddRow(a: Row, factor: number, count: number, out: Row): void {
  for (let i = 0; i < count; i++) {
    out.values[out.offset + i]! += fround(factor * a.values[a.offset + i]!);
  }
}

/** The sum times `scale`. */
export function sumRow(x: Row, count: number, scale: number, lanes: number): number {
  return fround(laneSum(x.values, x.offset, count, lanes) * scale);
}

/** Grows to the longest row asked for. */
let scratch = new Float32Array(1024);

function scratchOf(count: number): Float32Array {
  if (scratch.length < count) scratch = new Float32Array(2 * count);
  return scratch;
}

/** out = x − mean(x), the mean the sum times fround(−1 / count). */
export function centreRow(x: Row, count: number, lanes: number, out: Row): void {
  const negative = sumRow(x, count, fround(-1 / count), lanes);
  for (let i = 0; i < count; i++) out.values[out.offset + i] = x.values[x.offset + i]! + negative;
}

/** out = x · rsqrt(mean(x²) + epsilon) · weight, with the mean the sum times `inverse`, fround(1 / count). */
export function rmsRow(
  x: Row,
  weight: Row,
  count: number,
  epsilon: number,
  inverse: number,
  lanes: number,
  out: Row,
): void {
  const squares = scratchOf(count);
  for (let i = 0; i < count; i++) {
    const value = x.values[x.offset + i]!;
    squares[i] = value * value;
  }
  const mean = fround(laneSum(squares, 0, count, lanes) * inverse);
  const scale = rsqrt(fround(mean + fround(epsilon)));
  for (let i = 0; i < count; i++) {
    const scaled = fround(x.values[x.offset + i]! * scale);
    out.values[out.offset + i] = scaled * weight.values[weight.offset + i]!;
  }
}

/** Channel pairs (i, i + count/2), or (2i, 2i + 1) when `interleaved`; `table` holds cosines, then sines. */
export function ropeRow(x: Row, table: Row, count: number, interleaved: boolean, out: Row): void {
  const pairs = count / 2;
  const [step, distance] = interleaved ? [2, 1] : [1, pairs];
  for (let i = 0; i < pairs; i++) {
    const x0 = x.values[x.offset + i * step]!;
    const x1 = x.values[x.offset + i * step + distance]!;
    const cos = table.values[table.offset + i]!;
    const sin = table.values[table.offset + pairs + i]!;
    out.values[out.offset + i * step] = fround(x0 * cos) - fround(x1 * sin);
    out.values[out.offset + i * step + distance] = fround(x1 * cos) + fround(x0 * sin);
  }
}

/** Softmax of scale · x over the first `visible` of `count`; +0 beyond. A visible NaN makes all visible NaN. */
export function softmaxRow(
  x: Row,
  visible: number,
  count: number,
  scale: number,
  lanes: number,
  out: Row,
): void {
  let largest = -Infinity;
  for (let i = 0; i < visible; i++) largest = Math.max(largest, x.values[x.offset + i]!);
  const factor = fround(fround(scale) * LOG2E);
  for (let i = 0; i < visible; i++) {
    const distance = fround(x.values[x.offset + i]! - largest);
    out.values[out.offset + i] = exp2(fround(distance * factor));
  }
  const inverse = reciprocal(laneSum(out.values, out.offset, visible, lanes));
  for (let i = 0; i < visible; i++) out.values[out.offset + i]! *= inverse;
  out.values.fill(0, out.offset + visible, out.offset + count);
}

/** Multiplies the first `count` by 2^(scales[start + i · stride] - 127); NaN where the scale is 255. */
export function scaleByBytes(
  row: Row,
  count: number,
  scales: Uint8Array,
  start: number,
  stride: number,
): void {
  for (let i = 0; i < count; i++) {
    const scale = scales[start + i * stride]!;
    row.values[row.offset + i]! *= scale === 255 ? NaN : powerOfTwo(scale - 127);
  }
}

/** Index of the first of the largest of a row. */
export function argmaxRow(x: Row, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) {
    if (isLarger(x.values[x.offset + i]!, x.values[x.offset + best]!)) best = i;
  }
  return best;
}

/**
 * 1 in the columns of the `topK` largest of the first `visible`, +0 in the others up to `count`. Of equals
 * the first is chosen; a NaN is smaller than every number. `out` must not be the row itself.
 */
export function topRow(x: Row, visible: number, count: number, topK: number, out: Row): void {
  const { values, offset } = x;
  const order = Array.from({ length: visible }, (_, i) => i).toSorted((i, j) => {
    const [a, b] = [values[offset + i]!, values[offset + j]!];
    if (isLarger(a, b)) return -1;
    return isLarger(b, a) ? 1 : i - j;
  });
  out.values.fill(0, out.offset, out.offset + count);
  for (const i of order.slice(0, topK)) out.values[out.offset + i] = 1;
}
