import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CapacityError, Random, ShapeError } from '../../base/index.ts';
import { createMemory } from '../runtime.ts';
import { createMxKernel, type MxKernel } from './mxDot.ts';

/** A product to compute: operands as the kernel takes them, elements of either arithmetic as numbers. */
interface Case {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly cStride: number;
  readonly accumulate: boolean;
  readonly a: readonly number[];
  readonly w: readonly number[];
  readonly aScale: Float32Array;
  readonly wScale: Float32Array;
  readonly c: Float32Array;
}

type Arithmetic = 'mxDotInt8' | 'mxDotF8';

const { fround } = Math;

/** The definition for int8: fround after each of convert, scale product, product, add. */
function addInt8Block(acc: number, sum: number, aScale: number, wScale: number): number {
  return fround(acc + fround(fround(sum) * fround(aScale * wScale)));
}

/** The definition for FP8: one rounding of the scaled sum, one of the addition. */
function addF8Block(acc: number, sum: number, aScale: number, wScale: number): number {
  return fround(acc + fround(sum * (aScale * wScale)));
}

/** C by the definition, one element after the other. */
function reference(kind: Arithmetic, { M, N, K, cStride, ...x }: Case): Float32Array {
  const blocks = K / 32;
  const addBlock = kind === 'mxDotInt8' ? addInt8Block : addF8Block;
  const c = x.c.slice();
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let acc = x.accumulate ? c[m * cStride + n]! : 0;
      for (let b = 0; b < blocks; b++) {
        let sum = 0;
        for (let k = 32 * b; k < 32 * b + 32; k++) sum += x.a[m * K + k]! * x.w[n * K + k]!;
        acc = addBlock(acc, sum, x.aScale[m * blocks + b]!, x.wScale[n * blocks + b]!);
      }
      c[m * cStride + n] = acc;
    }
  }
  return c;
}

/** C by the kernel; operands lie apart so that a write out of place would be seen as a difference. */
function compute(
  kernel: MxKernel,
  kind: Arithmetic,
  { M, N, K, cStride, ...x }: Case,
): Float32Array {
  const elements = (values: readonly number[]) =>
    kind === 'mxDotInt8' ? Int8Array.from(values) : Float32Array.from(values);
  const parts = [elements(x.a), x.aScale, elements(x.w), x.wScale, x.c];
  const pointers: number[] = [];
  let end = 16;
  for (const part of parts) {
    pointers.push(end);
    end += (part.byteLength + 3) & ~3;
  }
  kernel.reserve(end);
  parts.forEach((part, i) => {
    kernel.bytes().set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), pointers[i]);
  });
  const [a, aScale, w, wScale, c] = pointers as [number, number, number, number, number];
  kernel[kind](a, aScale, w, wScale, c, M, N, K, cStride, x.accumulate);
  return new Float32Array(kernel.bytes().slice(c, c + 4 * x.c.length).buffer);
}

/** Bits of each element, with any NaN as the canonical one. */
function canonicalBits(values: Float32Array): number[] {
  const bits = new Uint32Array(values.slice().buffer);
  return Array.from(bits, (word, i) => (Number.isNaN(values[i]) ? 0x7fc0_0000 : word));
}

function assertEqualsDefinition(kernel: MxKernel, kind: Arithmetic, x: Case): void {
  const computed = compute(kernel, kind, x);
  // Not canonicalised: the kernel itself must give the canonical NaN.
  const found = [...new Uint32Array(computed.buffer)];
  const expected = canonicalBits(reference(kind, x));
  for (const [i, word] of expected.entries()) {
    if (word === found[i]) continue;
    const hex = (bits: number) => bits.toString(16);
    const shape = `${kind} M=${x.M} N=${x.N} K=${x.K}`;
    assert.fail(`${shape}: C[${i}] must have bits ${hex(word)}, not ${hex(found[i]!)}`);
  }
}

/** A finite E4M3 value: 4 exponent bits, bias 7, 3 mantissa bits, subnormals; largest 448. */
function randomE4m3(random: Random): number {
  const sign = random.int(2) ? -1 : 1;
  const exponent = random.int(16);
  const mantissa = random.int(exponent === 15 ? 7 : 8);
  return sign * (exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10));
}

/** How elements are drawn for each arithmetic. */
const ELEMENT: Readonly<Record<Arithmetic, (random: Random) => number>> = {
  mxDotInt8: (random) => random.int(255) - 127,
  mxDotF8: randomE4m3,
};

interface Options {
  readonly maxScaleExponent?: number;
  readonly accumulate?: boolean;
  readonly element?: (random: Random) => number;
}

function randomCase(
  random: Random,
  kind: Arithmetic,
  [M, N, K]: readonly [number, number, number],
  { maxScaleExponent = 8, accumulate = false, element = ELEMENT[kind] }: Options = {},
): Case {
  const cStride = N + random.int(4);
  const blocks = K / 32;
  const draw = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
  const scale = () => 2 ** (random.int(2 * maxScaleExponent + 1) - maxScaleExponent);
  return {
    M,
    N,
    K,
    cStride,
    accumulate,
    a: draw(M * K, () => element(random)),
    w: draw(N * K, () => element(random)),
    aScale: Float32Array.from(draw(M * blocks, scale)),
    wScale: Float32Array.from(draw(N * blocks, scale)),
    c: Float32Array.from(draw(M * cStride, () => (random.float() - 0.5) * 1e4)),
  };
}

const SHAPES = [
  [1, 1, 32],
  [1, 4, 32],
  [2, 4, 64],
  [3, 5, 96],
  [2, 3, 256],
  [5, 7, 128],
  [1, 18, 64],
  [4, 9, 512],
] as const;

const kernel = createMxKernel();

for (const kind of ['mxDotInt8', 'mxDotF8'] as const) {
  test(`${kind} equals its definition in every bit, for all tile remainders`, () => {
    const random = new Random(1);
    for (const shape of SHAPES) {
      for (const accumulate of [false, true]) {
        assertEqualsDefinition(kernel, kind, randomCase(random, kind, shape, { accumulate }));
      }
    }
  });

  test(`${kind} equals its definition with scales from 2^-60 to 2^60`, () => {
    const random = new Random(2);
    for (const shape of SHAPES) {
      const options = { maxScaleExponent: 60, accumulate: true };
      assertEqualsDefinition(kernel, kind, randomCase(random, kind, shape, options));
    }
  });

  test(`${kind} equals its definition where sums overflow, and where they are subnormal`, () => {
    const random = new Random(3);
    for (const exponent of [60, -74]) {
      const x = randomCase(random, kind, [3, 6, 64]);
      x.aScale.fill(2 ** exponent);
      x.wScale.fill(2 ** exponent);
      assertEqualsDefinition(kernel, kind, x);
      const c = reference(kind, x);
      if (exponent > 0) assert.ok(c.some((value) => Math.abs(value) === Infinity));
      else assert.ok(c.some((value) => value !== 0 && Math.abs(value) < 2 ** -126));
    }
  });

  test(`${kind} rounds each block once, in ascending order`, () => {
    const random = new Random(4);
    const x = randomCase(random, kind, [2, 4, 128], { element: () => 1 });
    // Block sums 32·2^24, then 32, then -32·2^24, then 32: the second is lost, the last is not.
    x.aScale.set([2 ** 24, 1, 2 ** 24, 1, 2 ** 24, 1, 2 ** 24, 1]);
    x.wScale.fill(1);
    for (let i = 0; i < x.a.length; i++) {
      if (i % 128 >= 64 && i % 128 < 96) (x.a as number[])[i] = -1;
    }
    const c = compute(kernel, kind, x);
    assert.deepEqual([...c.subarray(0, 4)], [32, 32, 32, 32]);
    assertEqualsDefinition(kernel, kind, x);
  });

  test(`${kind} adds a zero block sum as +0, and keeps -0 in C where no block is added`, () => {
    const random = new Random(5);
    const zeros = randomCase(random, kind, [3, 5, 64], { accumulate: true });
    (zeros.a as number[]).fill(-0);
    const products = zeros.w.map((w) => -0 * w);
    assert.ok(products.some((value) => Object.is(value, -0)));
    zeros.c.fill(-0);
    assertEqualsDefinition(kernel, kind, zeros);
    assert.ok(Object.is(compute(kernel, kind, zeros)[0], 0));
    (zeros.w as number[]).fill(1); // every product is -0 in FP8
    assertEqualsDefinition(kernel, kind, zeros);
    const noBlocks = randomCase(random, kind, [2, 5, 0], { accumulate: true });
    noBlocks.c.fill(-0);
    assert.ok(compute(kernel, kind, noBlocks).every((value) => Object.is(value, -0)));
  });

  test(`${kind} makes a NaN scale a canonical NaN in its rows or columns only`, () => {
    const random = new Random(6);
    const x = randomCase(random, kind, [4, 9, 96]);
    x.aScale[3 * 1 + 2] = Number.NaN; // row 1
    x.wScale[3 * 5] = Number.NaN; // column 5
    new Uint32Array(x.wScale.buffer)[3 * 8] = 0xffc1_2345; // column 8, another NaN
    assertEqualsDefinition(kernel, kind, x);
    const c = reference(kind, x);
    for (let m = 0; m < 4; m++) {
      for (let n = 0; n < 9; n++) {
        const expected = m === 1 || n === 5 || n === 8;
        assert.equal(Number.isNaN(c[m * x.cStride + n]), expected);
      }
    }
  });

  test(`${kind} writes nothing when M or N is 0, and C or +0 when K is 0`, () => {
    const random = new Random(7);
    for (const shape of [
      [0, 5, 32],
      [2, 0, 32],
      [3, 6, 0],
    ] as const) {
      for (const accumulate of [false, true]) {
        assertEqualsDefinition(kernel, kind, randomCase(random, kind, shape, { accumulate }));
      }
    }
  });
}

test('the largest int8 sums are exact', () => {
  const random = new Random(8);
  for (const [a, w] of [
    [127, 127],
    [-127, 127],
    [-128, -128],
  ] as const) {
    const x = randomCase(random, 'mxDotInt8', [2, 5, 64]);
    x.aScale.fill(1);
    x.wScale.fill(1);
    (x.a as number[]).fill(a);
    (x.w as number[]).fill(w);
    const c = compute(kernel, 'mxDotInt8', x);
    assert.deepEqual([...c.subarray(0, 5)], Array(5).fill(64 * a * w));
  }
});

test('FP8 sums keep the smallest product beside the largest', () => {
  const random = new Random(9);
  const x = randomCase(random, 'mxDotF8', [2, 5, 32]);
  x.aScale.fill(1);
  x.wScale.fill(1);
  const values = [448, ...Array(30).fill(0), 2 ** -9];
  for (let i = 0; i < x.a.length; i++) (x.a as number[])[i] = values[i % 32];
  // 448² + 2^-18 - 448²: only an exact sum leaves 2^-18.
  for (let i = 0; i < x.a.length; i += 32) (x.a as number[])[i + 7] = 448;
  const weights = [448, 0, 0, 0, 0, 0, 0, -448, ...Array(23).fill(0), 2 ** -9];
  for (let i = 0; i < x.w.length; i++) (x.w as number[])[i] = weights[i % 32];
  const c = compute(kernel, 'mxDotF8', x);
  assert.deepEqual([...c.subarray(0, 5)], Array(5).fill(2 ** -18));
});

test('the kernel gives the same bits on a shared memory', () => {
  const random = new Random(10);
  const shared = createMxKernel(createMemory({ initial: 1, maximum: 16, shared: true }));
  for (const kind of ['mxDotInt8', 'mxDotF8'] as const) {
    assertEqualsDefinition(
      shared,
      kind,
      randomCase(random, kind, [3, 6, 64], { accumulate: true }),
    );
  }
});

test('shapes and places that do not fit are refused before anything is written', () => {
  const small = createMxKernel(createMemory({ initial: 1, maximum: 1 }));
  const dot =
    (M: number, N: number, K: number, cStride: number, w = 0) =>
    () =>
      small.mxDotInt8(0, 0, w, 0, 0, M, N, K, cStride, false);
  const assertRefused = (call: () => void, type: typeof ShapeError, message: string) =>
    assert.throws(call, (error) => error instanceof type && error.message === message);
  assertRefused(dot(1, 4, 33, 4), ShapeError, 'K must be a multiple of 32, not 33');
  assertRefused(dot(-1, 4, 32, 4), ShapeError, 'M must be a whole number, not -1');
  assertRefused(dot(1, 4, 32, 3), ShapeError, 'the row stride of C must be at least N = 4, not 3');
  assertRefused(
    dot(1, 4, 32, 4, 65500),
    CapacityError,
    "W must lie in the kernel's 65536 bytes, not at 65500 to 65628",
  );
  assertRefused(
    () => small.reserve(65537),
    CapacityError,
    'kernel memory must hold 65537 bytes, and cannot grow beyond 65536',
  );
  assert.ok(small.bytes().every((byte) => byte === 0));
});
