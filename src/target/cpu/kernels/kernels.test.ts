import assert from 'node:assert/strict';
import { test } from 'node:test';
import wabt from 'wabt';
import { floatNumerics, rotaryTable, type RouteAttrs } from '../../../ir/index.ts';
import { attentionRoom, tokensOfTile } from './attendTile.ts';
import { callOf, cutCall } from './cut.ts';
import { emitKernels } from './kernelModule.ts';
import { KERNELS, SCORINGS } from './kernels.table.ts';
import { assertClose, GUARD, normal, Workbench, type Region } from '../../../../test/workbench.ts';

/** x (M,K) times w (N,K), dense, by the judge. */
function product(x: Float32Array, w: Float32Array, M: number, N: number, K: number): Float32Array {
  const out = new Float32Array(M * N);
  floatNumerics.linear(x, w, M, N, K, out);
  return out;
}

function runLinear(
  x: Float32Array,
  w: Float32Array,
  M: number,
  N: number,
  K: number,
): Float32Array {
  const bench = new Workbench();
  const out = bench.room(M * N);
  const sizes = { xStride: K, wStride: K, outStride: N, M, N, K };
  bench.run('linear', { x: bench.put(x), w: bench.put(w), out: out.address, ...sizes }, [out]);
  return bench.floats(out);
}

test('the module is valid for wabt and always the same', async () => {
  const { readWasm } = await wabt();
  const features = { simd: true, relaxed_simd: false };
  const module = readWasm(emitKernels(), features);
  (module.validate as (features: object) => void)(features);
  for (const name of Object.keys(KERNELS)) {
    assert.ok(module.toText({}).includes(`(export "${name}"`), name);
  }
  module.destroy();
  for (const products of ['sevenBits', 'eightBits'] as const)
    assert.deepEqual(emitKernels({ products }), emitKernels({ products }));
});

test('linear multiplies matrices of any size', () => {
  for (const M of [1, 2, 3, 4, 5, 7, 9]) {
    for (const [N, K] of [
      [1, 1],
      [2, 3],
      [5, 4],
      [8, 17],
      [11, 64],
      [19, 103],
    ] as const) {
      const [x, w] = [normal(M * K), normal(N * K)];
      assertClose(runLinear(x, w, M, N, K), product(x, w, M, N, K), 2e-6);
    }
  }
});

test('linear walks rows that are parts of longer ones', () => {
  const [M, N, K] = [5, 7, 10];
  const [x, w] = [normal(M * 13), normal(N * 11)];
  const bench = new Workbench();
  const out = bench.room(M * 9);
  const sizes = { xStride: 13, wStride: 11, outStride: 9, M, N, K };
  bench.run('linear', { x: bench.put(x), w: bench.put(w), out: out.address, ...sizes }, [out]);
  const take = (all: Float32Array, rows: number, stride: number): Float32Array =>
    Float32Array.from({ length: rows * K }, (_, i) => all[Math.floor(i / K) * stride + (i % K)]!);
  const required = product(take(x, M, 13), take(w, N, 11), M, N, K);
  const guard = new Int32Array(bench.floats(out).buffer);
  for (let m = 0; m < M; m++) {
    const row = bench.floats(out).subarray(m * 9, m * 9 + N);
    assertClose(row, required.subarray(m * N, (m + 1) * N), 1e-6);
    assert.deepEqual([...guard.subarray(m * 9 + N, m * 9 + 9)], [GUARD, GUARD]);
  }
});

test('linear gives a row the same bits whatever rows are beside it', () => {
  const [M, N, K] = [7, 13, 83];
  const [x, w] = [normal(M * K), normal(N * K)];
  const together = runLinear(x, w, M, N, K);
  for (let m = 0; m < M; m++) {
    const alone = runLinear(x.subarray(m * K, (m + 1) * K), w, 1, N, K);
    assert.deepEqual(alone, together.subarray(m * N, (m + 1) * N).slice());
  }
});

test('elementwise kernels work on sizes that are no whole vectors', () => {
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  for (const size of [1, 4, 15, 33]) {
    const [a, b] = [normal(size), normal(size)];
    const bench = new Workbench();
    const out = bench.room(size);
    const place = { a: bench.put(a), b: bench.put(b), out: out.address, size };
    bench.run('add', place, [out]);
    assert.deepEqual(
      bench.floats(out),
      a.map((x, i) => x + b[i]!),
    );
    bench.run('mul', place, [out]);
    assert.deepEqual(
      bench.floats(out),
      a.map((x, i) => x * b[i]!),
    );
    bench.run('silu', { x: place.a, out: out.address, size }, [out]);
    assertClose(
      bench.floats(out),
      a.map((x) => x * sigmoid(x)),
      3e-7,
    );
    bench.run('swiglu', { gate: place.a, up: place.b, out: out.address, size, limit: Infinity }, [
      out,
    ]);
    assertClose(
      bench.floats(out),
      a.map((x, i) => x * sigmoid(x) * b[i]!),
      3e-7,
    );
  }
});

test('silu of extreme numbers is as in real arithmetic', () => {
  const x = Float32Array.of(-Infinity, -1e30, -200, -88, 0, 88, 1e30, Infinity, NaN);
  const bench = new Workbench();
  const out = bench.room(x.length);
  bench.run('silu', { x: bench.put(x), out: out.address, size: x.length }, [out]);
  const found = [...bench.floats(out)];
  assert.ok(Math.abs(found[3]!) < 1e-35);
  assert.ok(Number.isNaN(found[0])); // −∞ · 0
  assert.deepEqual(
    [found[1], found[2], ...found.slice(4)],
    [-0, -0, 0, 88, Math.fround(1e30), Infinity, NaN],
  );
});

test('rmsNormalization scales each row to a mean square of one', () => {
  for (const [rows, D] of [
    [1, 1],
    [3, 7],
    [2, 64],
    [4, 101],
  ] as const) {
    const [x, w] = [normal(rows * D), normal(D)];
    const bench = new Workbench();
    const out = bench.room(rows * D);
    const epsilon = 1e-3;
    const places = { x: bench.put(x), w: bench.put(w), out: out.address };
    bench.run('rmsNormalization', { ...places, rows, D, epsilon }, [out]);
    const required = new Float32Array(rows * D);
    for (let row = 0; row < rows; row++) {
      const [from, to] = [row * D, (row + 1) * D];
      floatNumerics.rmsNormalization(x.subarray(from, to), w, epsilon, required.subarray(from, to));
    }
    assertClose(bench.floats(out), required, 1e-6);
  }
});

test('rotaryEmbedding rotates pairs of both layouts by the angles of the tables', () => {
  const [rows, H, pairs] = [3, 2, 5];
  const K = 2 * pairs;
  const x = normal(rows * H * K);
  const frequencies = Array.from({ length: pairs }, (_, i) => 100 ** (-i / pairs));
  const { cos, sin } = rotaryTable(frequencies, 1.25, [4, 5, 9]);
  for (const [step, distance] of [
    [1, pairs],
    [2, 1],
  ] as const) {
    const bench = new Workbench();
    const out = bench.room(x.length);
    const places = { x: bench.put(x), cos: bench.put(cos), sin: bench.put(sin), out: out.address };
    bench.run('rotaryEmbedding', { ...places, rows, H, pairs, step, distance }, [out]);
    const required = new Float32Array(x.length);
    for (let i = 0; i < rows * H * pairs; i++) {
      const [row, pair] = [Math.floor(i / pairs), i % pairs];
      const first = row * K + pair * step;
      const second = first + distance;
      const angle = Math.floor(row / H) * pairs + pair;
      required[first] =
        Math.fround(x[first]! * cos[angle]!) - Math.fround(x[second]! * sin[angle]!);
      required[second] =
        Math.fround(x[second]! * cos[angle]!) + Math.fround(x[first]! * sin[angle]!);
    }
    assert.deepEqual(bench.floats(out), required);
  }
});

test('argMax gives the first of the largest, and passes over NaN', () => {
  const rows = [
    [3, 7, 7, 1],
    [NaN, -5, -4, NaN],
    [-Infinity, -Infinity, -Infinity, -Infinity],
    [NaN, NaN, NaN, NaN],
    [0, 1, 2, Infinity],
  ];
  const bench = new Workbench();
  const out = bench.room(rows.length);
  const x = bench.put(Float32Array.from(rows.flat()));
  bench.run('argMax', { x, out: out.address, rows: rows.length, size: 4 }, [out]);
  assert.deepEqual([...bench.integers(out)], [1, 2, 0, 0, 3]);
});

test('append writes the rows of each sequence from its own position on', () => {
  const [B, T, capacity, size] = [2, 3, 8, 5];
  const x = normal(B * T * size);
  const bench = new Workbench();
  const old = normal(B * capacity * size);
  const state = { address: bench.put(old), count: old.length };
  const positions = bench.put(Int32Array.of(0, 5));
  const places = { x: bench.put(x), positions, state: state.address };
  bench.run('append', { ...places, B, T, capacity, size }, [state]);
  old.set(x.subarray(0, T * size), 0);
  old.set(x.subarray(T * size), (capacity + 5) * size);
  assert.deepEqual(bench.floats(state), old);
});

test('rows of one sequence are appended by shares of its tokens, each with the end of the state', () => {
  const [T, capacity, size, position] = [7, 12, 16, 4];
  const x = normal(T * size);
  const bench = new Workbench();
  const old = normal(capacity * size);
  const state = { address: bench.put(old), count: old.length };
  const positions = bench.put(Int32Array.of(position));
  const args = {
    ...{ x: bench.put(x), positions, state: state.address },
    ...{ B: 1, T, capacity, size },
  };
  const parts = cutCall({ kernel: 'append', args }, { wanted: 3, threads: 2 }).map(
    (part) => callOf('append', part).args as typeof args,
  );
  assert.deepEqual(
    parts.map((part) => part.T),
    [3, 3, 1],
  );
  for (const part of parts) {
    bench.run('append', part, [state]);
    const end = part.state + part.capacity * size * 4;
    assert.equal(end, state.address + old.byteLength);
  }
  old.set(x, position * size);
  assert.deepEqual(bench.floats(state), old);
});

test('embedding, copyRows and transpose move elements unchanged', () => {
  const bench = new Workbench();
  const table = normal(5 * 3);
  const tokens = bench.put(Int32Array.of(4, 0, 4));
  const out = bench.room(9);
  const places = { tokens, table: bench.put(table), out: out.address };
  bench.run('embedding', { ...places, rows: 3, D: 3 }, [out]);
  const row = (i: number): number[] => [...table.subarray(i * 3, i * 3 + 3)];
  assert.deepEqual([...bench.floats(out)], [...row(4), ...row(0), ...row(4)]);

  const copied = bench.room(8);
  const strides = { xStride: 3, outStride: 4, rows: 2, size: 2 };
  const zeros = bench.put(new Float32Array(8));
  bench.run(
    'copyRows',
    { x: zeros, xStride: 0, out: copied.address, outStride: 0, rows: 1, size: 8 },
    [copied],
  );
  bench.run('copyRows', { x: places.table + 4, out: copied.address, ...strides }, [copied]);
  const [, a, b, , c, d] = table;
  assert.deepEqual([...bench.floats(copied)], [a, b, 0, 0, c, d, 0, 0]);

  const planes = Float32Array.from({ length: 12 }, (_, i) => i);
  const turned = bench.room(12);
  const sizes = { planes: 2, rows: 2, columns: 3 };
  bench.run('transpose', { x: bench.put(planes), out: turned.address, ...sizes }, [turned]);
  assert.deepEqual([...bench.floats(turned)], [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]);
});

interface AttentionCase {
  readonly B: number;
  readonly T: number;
  readonly H: number;
  readonly G: number;
  readonly keyWidth: number;
  readonly valueStride: number;
  readonly valueWidth: number;
  readonly positions: readonly number[];
}

const CAPACITY = 64;

/** The attention of every head by the judge. */
function attend(c: AttentionCase, q: Float32Array, k: Float32Array, v: Float32Array): Float32Array {
  const { B, T, H, G, keyWidth, valueStride, valueWidth } = c;
  const out = new Float32Array(B * T * H * valueWidth);
  for (let row = 0; row < B * T * H; row++) {
    const token = Math.floor(row / H);
    const b = Math.floor(token / T);
    const group = b * CAPACITY * G + Math.floor(((row % H) * G) / H);
    const request = {
      query: q,
      keys: k,
      values: v,
      queryOffset: row * keyWidth,
      keyOffset: group * keyWidth,
      keyStride: G * keyWidth,
      keyWidth,
      valueWidth,
      valueOffset: group * valueStride,
      valueStride: G * valueStride,
      count: c.positions[b]! + (token % T) + 1,
      scale: 0.3,
    };
    floatNumerics.attend(request, out.subarray(row * valueWidth, (row + 1) * valueWidth));
  }
  return out;
}

function checkAttention(c: AttentionCase): void {
  const { B, T, H, G, keyWidth, valueStride, valueWidth } = c;
  const q = normal(B * T * H * keyWidth);
  const k = normal(B * CAPACITY * G * keyWidth);
  const v = normal(B * CAPACITY * G * valueStride);
  const required = attend(c, q, k, v);
  // What no token may see yet is poison.
  for (let b = 0; b < B; b++) {
    const [from, to] = [b * CAPACITY + c.positions[b]! + T, (b + 1) * CAPACITY];
    k.fill(NaN, from * G * keyWidth, to * G * keyWidth);
    v.fill(NaN, from * G * valueStride, to * G * valueStride);
  }
  const shape = { T, shared: H / G, scoreStride: CAPACITY, keyWidth, valueWidth };
  const together = runAttention(c, { q, k, v }, tokensOfTile(shape), attentionRoom(shape));
  assertClose(together, required, 1e-6);
  assert.deepEqual(together, runAttention(c, { q, k, v }, 1, (H / G) * CAPACITY));
}

function runAttention(
  c: AttentionCase,
  { q, k, v }: Readonly<Record<'q' | 'k' | 'v', Float32Array>>,
  tileTokens: number,
  room: number,
): Float32Array {
  const { B, T, H, G, keyWidth, valueStride, valueWidth } = c;
  const bench = new Workbench();
  const out = bench.room(B * T * H * valueWidth);
  const scores = bench.room(room);
  const steps = { qStep: H * keyWidth, keyStep: G * keyWidth, valueStep: G * valueStride };
  const widths = { keyWidth, valueStride, valueWidth };
  const sizes = { ...steps, outStep: H * valueWidth, B, T, G, shared: H / G, ...widths };
  bench.run(
    'attention',
    {
      q: bench.put(q),
      keys: bench.put(k),
      values: bench.put(v),
      out: out.address,
      scale: 0.3,
      scores: scores.address,
      scoreStride: CAPACITY,
      capacity: CAPACITY,
      ...sizes,
      first: 0,
      tileTokens,
      positions: bench.put(Int32Array.from(c.positions)),
    },
    [out, scores],
  );
  return bench.floats(out);
}

test('attention sees the rows up to each token, for any grouping and any width', () => {
  const odd = { keyWidth: 10, valueStride: 23, valueWidth: 23 };
  checkAttention({ B: 1, T: 1, H: 1, G: 1, ...odd, positions: [0] });
  checkAttention({ B: 1, T: 5, H: 4, G: 2, ...odd, positions: [0] });
  checkAttention({ B: 2, T: 3, H: 6, G: 2, ...odd, positions: [2, 17] });
  checkAttention({ B: 3, T: 1, H: 3, G: 3, ...odd, positions: [23, 0, 7] });
});

test('tokens that are attended together have the bits of each by itself', () => {
  const even = { keyWidth: 20, valueStride: 24, valueWidth: 24 };
  checkAttention({ B: 1, T: 7, H: 2, G: 2, ...even, positions: [0] });
  checkAttention({ B: 2, T: 9, H: 6, G: 2, ...even, positions: [27, 3] });
  checkAttention({ B: 1, T: 53, H: 4, G: 2, ...even, positions: [11] });
  checkAttention({ B: 1, T: 5, H: 40, G: 1, ...even, valueStride: 30, positions: [30] });
});

test('attention takes the first channels of values that are wider than the result', () => {
  const latent = { keyWidth: 40, valueStride: 40, valueWidth: 33 };
  checkAttention({ B: 2, T: 2, H: 5, G: 1, ...latent, positions: [4, 9] });
});

function runRoute(
  logits: Float32Array,
  bias: Float32Array | undefined,
  E: number,
  attrs: RouteAttrs,
) {
  const bench = new Workbench();
  const rows = logits.length / E;
  const out = bench.room(rows * E);
  const scratch = bench.room(3 * Math.ceil(E / 4) * 4 + attrs.groups);
  const { scoring, normalize, groupByBest = false, ...sizes } = attrs;
  bench.run(
    'route',
    {
      logits: bench.put(logits),
      bias: bias ? bench.put(bias) : 0,
      out: out.address,
      scratch: scratch.address,
      rows,
      E,
      ...sizes,
      scoring: SCORINGS[scoring],
      normalize: Number(normalize),
      groupByBest: Number(groupByBest),
    },
    [out, scratch],
  );
  return bench.floats(out);
}

function checkRoute(E: number, attrs: RouteAttrs, logits: Float32Array, bias?: Float32Array): void {
  const required = new Float32Array(logits.length);
  for (let i = 0; i < logits.length; i += E) {
    floatNumerics.route(logits.subarray(i, i + E), bias, attrs, required.subarray(i, i + E));
  }
  const found = runRoute(logits, bias, E, attrs);
  assert.deepEqual([...found].map(Boolean), [...required].map(Boolean));
  assertClose(found, required, 1e-6);
}

test('route chooses groups and experts, and gives gates, as the judge does', () => {
  for (const scoring of ['softmax', 'sigmoid', 'sqrtSoftplus'] as const) {
    for (const normalize of [false, true]) {
      const rules = { scoring, normalize, scale: 2.5 };
      const plain = { ...rules, topK: 3, groups: 1, topGroups: 1 };
      checkRoute(7, plain, normal(4 * 7));
      checkRoute(7, plain, normal(4 * 7), normal(7));
      checkRoute(18, { ...rules, topK: 4, groups: 3, topGroups: 2 }, normal(5 * 18), normal(18));
      checkRoute(5, { ...rules, topK: 2, groups: 5, topGroups: 3 }, normal(3 * 5));
      checkRoute(64, { ...rules, topK: 8, groups: 8, topGroups: 4 }, normal(9 * 64), normal(64));
    }
  }
});

test('route takes the lower index of equal groups and of equal experts', () => {
  const attrs = { scoring: 'sigmoid', normalize: false, scale: 1 } as const;
  const equal = new Float32Array(12);
  checkRoute(12, { ...attrs, topK: 3, groups: 1, topGroups: 1 }, equal);
  checkRoute(12, { ...attrs, topK: 5, groups: 4, topGroups: 2 }, equal);
  const found = runRoute(equal, undefined, 12, { ...attrs, topK: 5, groups: 4, topGroups: 2 });
  assert.deepEqual(
    [...found.keys()].filter((e) => found[e] !== 0),
    [0, 1, 2, 3, 4],
  );
});

test('experts runs the chosen experts of each token, and reads no others', () => {
  const [rows, E, F, D] = [5, 4, 6, 7];
  const x = normal(rows * D);
  const weights = [normal(E * F * D), normal(E * F * D), normal(E * D * F)] as const;
  const gates = Float32Array.of(0.5, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, -1, 0);
  const required = new Float32Array(rows * D);
  const row = (w: Float32Array, e: number, size: number) => w.subarray(e * size, (e + 1) * size);
  for (let i = 0; i < rows * E; i++) {
    const [m, e, gate] = [Math.floor(i / E), i % E, gates[i]!];
    if (gate === 0) continue;
    const [g, u] = [0, 1].map((p) => product(row(x, m, D), row(weights[p]!, e, F * D), 1, F, D));
    const inner = g!.map((value, f) => (value / (1 + Math.exp(-value))) * u![f]!);
    const y = product(inner, row(weights[2], e, D * F), 1, D, F);
    for (let d = 0; d < D; d++) required[m * D + d]! += gate * y[d]!;
  }
  // Experts 1 and 3 are chosen by no token.
  for (const e of [1, 3]) for (const w of weights) row(w, e, F * D).fill(NaN);
  const bench = new Workbench();
  const at = (count: number): Region => bench.room(count);
  const topK = 3;
  const pairs = rows * topK;
  const [starts, tokens, places] = [at(E + 1), at(pairs), at(pairs)];
  const [factors, next] = [at(pairs), at(E)];
  const lists = { starts: starts.address, tokens: tokens.address, places: places.address };
  const written = [starts, tokens, places, factors, next];
  const grouped = { ...lists, weights: factors.address, next: next.address };
  bench.run('groupTokens', { gates: bench.put(gates), ...grouped, rows, E, topK }, written);
  const [taken, gate, up, inner, results] = [D, F, F, F, D].map((width) => at(pairs * width)) as [
    Region,
    Region,
    Region,
    Region,
    Region,
  ];
  const take = { x: bench.put(x), chosen: tokens.address, out: taken.address };
  bench.run('takeRows', { ...take, rows: pairs, size: D }, [taken]);
  const multiply = (x: Region, w: number, out: Region, N: number, K: number): void => {
    const places = { x: x.address, starts: starts.address, w, matrixBytes: 4 * N * K };
    const sizes = { outStride: N, rows: pairs, E, N, K };
    bench.run('groupedLinear', { ...places, out: out.address, ...sizes }, [out]);
  };
  const [gateWeight, upWeight, downWeight] = weights.map((w) => bench.put(w)) as [
    number,
    number,
    number,
  ];
  multiply(taken, gateWeight, gate, F, D);
  multiply(taken, upWeight, up, F, D);
  const halves = { gate: gate.address, up: up.address, out: inner.address, limit: Infinity };
  bench.run('swiglu', { ...halves, size: pairs * F }, [inner]);
  multiply(inner, downWeight, results, D, F);
  const out = at(rows * D);
  const sum = { x: results.address, weights: factors.address, places: places.address };
  bench.run('sumExperts', { ...sum, out: out.address, rows, topK, D }, [out]);
  assertClose(bench.floats(out), required, 1e-6);
});

test('elementwise and row-wise kernels give the numbers of the judge at odd sizes', () => {
  const [rows, D] = [3, 7];
  const x = normal(rows * D).map((value) => value * 9);
  const [row, numbers] = [normal(D), normal(rows)];
  const run = (name: 'sigmoid' | 'softplus' | 'addRow' | 'mulNumber' | 'l2Normalization') => {
    const bench = new Workbench();
    const out = bench.room(rows * D);
    const b = bench.put(name === 'addRow' ? row : numbers);
    const [a, size] = [bench.put(x), rows * D];
    const sizes = { rows, D, size, divisor: 1, epsilon: 0.1 };
    bench.run(name, { x: a, a, b, out: out.address, ...sizes } as never, [out]);
    return bench.floats(out);
  };
  assertClose(run('sigmoid'), x.map(floatNumerics.sigmoid), 1e-6);
  assertClose(run('softplus'), x.map(floatNumerics.softplus), 1e-6);
  assertClose(
    run('addRow'),
    x.map((value, i) => value + row[i % D]!),
    0,
  );
  assertClose(
    run('mulNumber'),
    x.map((value, i) => value * numbers[Math.floor(i / D)]!),
    0,
  );
  const unit = new Float32Array(D);
  floatNumerics.l2Normalization(x.subarray(D, 2 * D), 0.1, unit);
  assertClose(run('l2Normalization').subarray(D, 2 * D), unit, 1e-6);
});

test('the delta rule changes its state, from zeros where a sequence starts, as the judge does', () => {
  const [T, K, V] = [5, 6, 7];
  const inputs = { query: normal(T * K), key: normal(T * K), value: normal(T * V) };
  const [decay, beta] = [normal(T).map((g) => -Math.abs(g)), normal(T)];
  for (const position of [0, 3]) {
    const held = normal(K * V);
    const bench = new Workbench();
    const state = { address: bench.put(held), count: K * V };
    const out = bench.room(T * V);
    const { query: q, key: k, value: v } = inputs;
    const [positions, scale] = [bench.put(Int32Array.of(position)), 0.5];
    const places = { q: bench.put(q), k: bench.put(k), v: bench.put(v), positions };
    const gates = { decay: bench.put(decay), beta: bench.put(beta) };
    const heads = { G: 1, H: 1, first: 0, heads: 1 };
    const sizes = { B: 1, T, ...heads, K, V, scale, out: out.address, state: state.address };
    bench.run('gatedDelta', { ...places, ...gates, ...sizes }, [state, out]);
    const [required, kept] = [new Float32Array(T * V), position === 0 ? held.fill(0) : held];
    floatNumerics.gatedDelta({ ...inputs, decay, beta, scale, chunk: 1, state: kept }, required);
    assertClose(bench.floats(out), required, 2e-6);
    assertClose(bench.floats(state), kept, 2e-6);
  }
});
