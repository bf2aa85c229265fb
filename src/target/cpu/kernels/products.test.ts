/** Kernels that compare rows, round values to few bits, and convolve tokens some apart, at odd sizes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FAKE_FORMATS,
  fakeQuantize,
  floatNumerics,
  LEAST_AGREEMENT,
  type FakeQuantizeAttrs,
} from '../../../ir/index.ts';
import { FEW_BITS } from './kernels.table.ts';
import { assertClose, normal, Workbench } from '../../../../test/workbench.ts';

test('signedRoot keeps signs, takes the root of no less than the smallest, and leaves 0', () => {
  const x = Float32Array.of(4, -9, 1e-9, -1e-9, 0, 0.25, -Infinity);
  const bench = new Workbench();
  const out = bench.room(x.length);
  const places = { x: bench.put(x), out: out.address };
  bench.run('signedRoot', { ...places, size: x.length, smallest: 1e-4 }, [out]);
  const root = Math.sqrt(Math.fround(1e-4));
  assertClose(bench.floats(out).subarray(0, 6), [2, -3, root, -root, 0, 0.5], 1e-7);
  assert.equal(bench.floats(out)[6], -Infinity);
});

test('dot adds the products of two rows', () => {
  for (const D of [1, 4, 23]) {
    const rows = 3;
    const [a, b] = [normal(rows * D), normal(rows * D)];
    const bench = new Workbench();
    const out = bench.room(rows);
    bench.run('dot', { a: bench.put(a), b: bench.put(b), out: out.address, rows, D }, [out]);
    const required = Float32Array.from({ length: rows }, (_, row) => {
      let sum = 0;
      for (let i = row * D; i < (row + 1) * D; i++) sum += a[i]! * b[i]!;
      return sum;
    });
    assertClose(bench.floats(out), required, 1e-6);
  }
});

test('nGramGate says how well streams and keys agree, as the judge does', () => {
  const [rows, n, D, epsilon] = [3, 2, 21, 1e-3];
  const [x, keys] = [normal(rows * n * D), normal(rows * n * D)];
  x.fill(0, 0, D); // a product of 0
  const weights = [normal(n * D), normal(n * D)] as const;
  const bench = new Workbench();
  const out = bench.room(rows * n);
  const places = { x: bench.put(x), keys: bench.put(keys), out: out.address };
  const [w, v] = [bench.put(weights[0]), bench.put(weights[1])];
  const sizes = { rows, n, D, epsilon, smallest: LEAST_AGREEMENT };
  bench.run('nGramGate', { ...places, w, v, ...sizes }, [out]);
  const part = (all: Float32Array, i: number): Float32Array => all.subarray(i * D, (i + 1) * D);
  const required = Float32Array.from({ length: rows * n }, (_, i) =>
    floatNumerics.nGramGate({
      x: part(x, i),
      key: part(keys, i),
      weights: [part(weights[0], i % n), part(weights[1], i % n)],
      epsilon,
    }),
  );
  // The root of 0 has no sign, and the judge's of the smallest is next to one half.
  assertClose(bench.floats(out), required, 6e-4);
  assertClose(bench.floats(out).subarray(1), required.subarray(1), 2e-6);
});

const RULES: readonly FakeQuantizeAttrs[] = [
  { format: 'e4m3', group: 32, scale: 'powerOfTwo' },
  { format: 'e4m3', group: 5, scale: 'e4m3' },
  { format: 'e2m1', group: 7, scale: 'powerOfTwo' },
  { format: 'e2m1', group: 16, scale: 'e4m3' },
];

test('fakeQuantize gives the bits of the interpreter, from tiny to huge and at ties', () => {
  for (const attrs of RULES) {
    for (const factor of [0, 1e-30, 1e-6, 1, 3e4]) {
      const groups = 9;
      const x = normal(groups * attrs.group).map((value) => value * factor);
      // Sixteenths of the largest: many of them lie halfway between two values.
      if (factor === 1) for (let i = 1; i < x.length; i += 2) x[i] = (i % 32) / 16;
      const bench = new Workbench();
      const out = bench.room(x.length);
      const { largest, least } = FAKE_FORMATS[attrs.format];
      const sizes = { groups, size: attrs.group, largest, ...FEW_BITS[attrs.format] };
      const rules = { least: least[attrs.scale], roundedScale: Number(attrs.scale === 'e4m3') };
      const places = { x: bench.put(x), out: out.address };
      bench.run('fakeQuantize', { ...places, ...sizes, ...rules }, [out]);
      const required = new Float32Array(x.length);
      fakeQuantize(x, attrs, required);
      assert.deepEqual(bench.floats(out), required);
    }
  }
});

test('causalConvolution sees tokens some apart, zeros before the first', () => {
  const [T, C, W, dilation] = [8, 5, 3, 2];
  const kept = (W - 1) * dilation;
  const [x, w] = [normal(T * C), normal(C * W)];
  for (const position of [0, 6]) {
    const held = normal(kept * C);
    const bench = new Workbench();
    const state = { address: bench.put(held), count: held.length };
    const [rows, out] = [bench.room((kept + T + W) * C), bench.room(T * C)];
    const [from, taps] = [bench.put(x), bench.put(w)];
    const positions = bench.put(Int32Array.of(position));
    const sizes = { B: 1, T, C, W, dilation, positions, rows: rows.address };
    for (const [first, channels] of [
      [0, 1],
      [1, C - 1],
    ] as const) {
      const moved = { state: state.address + 4 * first, x: from + 4 * first };
      const places = { ...moved, w: taps + 4 * W * first, out: out.address + 4 * first };
      bench.run('causalConvolution', { ...places, ...sizes, channels }, [state, rows, out]);
    }
    const all = Float32Array.of(...(position === 0 ? held.fill(0) : held), ...x);
    const required = Float32Array.from({ length: T * C }, (_, i) => {
      const [t, c] = [Math.floor(i / C), i % C];
      let sum = 0;
      for (let j = 0; j < W; j++) sum += w[c * W + j]! * all[(t + j * dilation) * C + c]!;
      return sum;
    });
    assertClose(bench.floats(out), required, 1e-6);
    assert.deepEqual(bench.floats(state), all.slice(T * C));
  }
});
