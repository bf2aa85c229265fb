/**
 * The products of `plainDot`, bit for bit, by WebAssembly SIMD.
 *
 * Operands are copied to the kernel's memory as dense rows, with scales as f32; weights in slices
 * that stay in the caches. Blocks of integers multiply their two scales in f32, so that product must
 * be one of f32's powers of two: it is for all scales quantisation gives (within 2^±60). Others, and
 * products too small to be worth the copy, take the plain way.
 */
import { E8M0_NAN } from '../../../base/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import { createMxKernel, type MxKernel } from '../../../wasm/index.ts';
import { plainDot, type Dot, type DotRequest, type DotRows } from './dot.ts';
import { powerOfTwo } from './powers.ts';

const SMALLEST_WORK = 2048;
const SLICE_BYTES = 2 ** 20;

/** Exponents of the powers of two an f32 can be. */
const LOWEST_EXPONENT = -149;
const HIGHEST_EXPONENT = 127;

/** E8M0 bytes as f32. */
const SCALES = Float32Array.from({ length: 256 }, (_, code) =>
  code === E8M0_NAN ? NaN : powerOfTwo(code - 127),
);

/** As plainDot; one memory serves all calls. */
export const fastDot: Dot = (request) => {
  const { M, N, K, a, w } = request;
  const isInteger = a.elements instanceof Int8Array && w.elements instanceof Int8Array;
  if (M * N * K < SMALLEST_WORK || (isInteger && !scalesFit(request))) plainDot(request);
  else stageAndMultiply(request, isInteger);
};

function scalesFit({ a, w, M, N, K, unitExponent }: DotRequest): boolean {
  const [x, y] = [scaleRange(a, M, K), scaleRange(w, N, K)];
  const bias = 254 + unitExponent;
  return x[0] + y[0] - bias >= LOWEST_EXPONENT && x[1] + y[1] - bias <= HIGHEST_EXPONENT;
}

/** Smallest and largest scale byte, NaN apart. */
function scaleRange(rows: DotRows, count: number, K: number): readonly [number, number] {
  const { scales, scaleOffset, scaleStride } = rows;
  let [smallest, largest] = [127, 127];
  if (scales === undefined) return [smallest, largest];
  for (let r = 0; r < count; r++) {
    const start = scaleOffset + r * scaleStride;
    for (let i = start; i < start + K / MX_BLOCK; i++) {
      const scale = scales[i]!;
      if (scale < smallest) smallest = scale;
      else if (scale > largest && scale !== E8M0_NAN) largest = scale;
    }
  }
  return [smallest, largest];
}

/** Byte addresses in the kernel's memory. */
interface Stage {
  readonly a: number;
  readonly aScale: number;
  readonly w: number;
  readonly wScale: number;
  readonly c: number;
  readonly end: number;
}

function planStage(M: number, N: number, K: number, elementBytes: number): Stage {
  const blocks = K / MX_BLOCK;
  const aScale = M * K * elementBytes;
  const w = aScale + M * blocks * 4;
  const wScale = w + N * K * elementBytes;
  const c = wScale + N * blocks * 4;
  return { a: 0, aScale, w, wScale, c, end: c + M * N * 4 };
}

let kernel: MxKernel | undefined;

function stageAndMultiply(request: DotRequest, isInteger: boolean): void {
  const { M, N, K, unitExponent } = request;
  const elementBytes = isInteger ? 1 : 4;
  const slice = Math.min(N, Math.max(4, Math.floor(SLICE_BYTES / (K * elementBytes * 4)) * 4));
  const stage = planStage(M, slice, K, elementBytes);
  kernel ??= createMxKernel();
  kernel.reserve(stage.end);
  const memory = kernel.memory.buffer as ArrayBuffer;
  copyRows(request.a, 0, M, K, memory, stage.a, isInteger);
  copyScales(request.a, 0, M, K, powerOfTwo(-unitExponent), memory, stage.aScale);
  for (let n = 0; n < N; n += slice) {
    const count = Math.min(slice, N - n);
    copyRows(request.w, n, count, K, memory, stage.w, isInteger);
    copyScales(request.w, n, count, K, 1, memory, stage.wScale);
    multiplySlice(kernel, request, isInteger, stage, n, count);
  }
}

function multiplySlice(
  { memory, mxDotInt8, mxDotF8 }: MxKernel,
  request: DotRequest,
  isInteger: boolean,
  stage: Stage,
  n: number,
  count: number,
): void {
  const { M, K, out, outOffset, outStride, accumulate } = request;
  const results = new Float32Array(memory.buffer as ArrayBuffer, stage.c, M * count);
  const at = outOffset + n;
  for (let m = 0; accumulate && m < M; m++) {
    const start = at + m * outStride;
    results.set(out.subarray(start, start + count), m * count);
  }
  const dot = isInteger ? mxDotInt8 : mxDotF8;
  const { a, aScale, w, wScale, c } = stage;
  dot(a, aScale, w, wScale, c, M, count, K, count, accumulate);
  for (let m = 0; m < M; m++) {
    out.set(results.subarray(m * count, (m + 1) * count), at + m * outStride);
  }
}

/** Rows first … first + count - 1, dense, as i8 or f32. */
function copyRows(
  { elements, offset, stride }: DotRows,
  first: number,
  count: number,
  K: number,
  memory: ArrayBuffer,
  address: number,
  isInteger: boolean,
): void {
  const Elements = isInteger ? Int8Array : Float32Array;
  const to = new Elements(memory, address, count * K);
  const start = offset + first * stride;
  if (stride === K) {
    to.set(elements.subarray(start, start + count * K));
    return;
  }
  for (let r = 0; r < count; r++) {
    to.set(elements.subarray(start + r * stride, start + r * stride + K), r * K);
  }
}

function copyScales(
  { scales, scaleOffset, scaleStride }: DotRows,
  first: number,
  count: number,
  K: number,
  unit: number,
  memory: ArrayBuffer,
  address: number,
): void {
  const blocks = K / MX_BLOCK;
  const to = new Float32Array(memory, address, count * blocks);
  if (scales === undefined) {
    to.fill(unit);
    return;
  }
  for (let r = 0; r < count; r++) {
    const start = scaleOffset + (first + r) * scaleStride;
    for (let b = 0; b < blocks; b++) to[r * blocks + b] = SCALES[scales[start + b]!]! * unit;
  }
}
