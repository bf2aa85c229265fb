/** Kernels of attention to chosen rows, windows, compressors, residual streams and tables of experts, at odd sizes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { floatNumerics, type HyperConnectionAttrs } from '../../../ir/index.ts';
import { SCORINGS } from './kernels.table.ts';
import { assertClose, normal, Workbench } from '../../../../test/workbench.ts';

test('layerNormalization gives rows of mean 0 and variance 1, then scales and shifts', () => {
  for (const [rows, D] of [
    [1, 2],
    [3, 7],
    [2, 65],
  ] as const) {
    const [x, w, bias] = [normal(rows * D).map((v) => v + 5), normal(D), normal(D)];
    const bench = new Workbench();
    const out = bench.room(rows * D);
    const places = { x: bench.put(x), w: bench.put(w), bias: bench.put(bias), out: out.address };
    bench.run('layerNormalization', { ...places, rows, D, epsilon: 1e-3 }, [out]);
    const required = new Float32Array(rows * D);
    for (let at = 0; at < rows * D; at += D) {
      const [from, to] = [x.subarray(at, at + D), required.subarray(at, at + D)];
      floatNumerics.layerNormalization(from, w, bias, 1e-3, to);
    }
    assertClose(bench.floats(out), required, 2e-6);
  }
});

test('swiglu keeps gate and up within a limit', () => {
  const size = 11;
  const [gate, up] = [normal(size), normal(size)];
  const bench = new Workbench();
  const out = bench.room(size);
  const places = { gate: bench.put(gate), up: bench.put(up), out: out.address };
  bench.run('swiglu', { ...places, size, limit: 0.5 }, [out]);
  const required = gate.map((x, i) => {
    const most = Math.min(x, 0.5);
    return (most / (1 + Math.exp(-most))) * Math.max(-0.5, Math.min(0.5, up[i]!));
  });
  assertClose(bench.floats(out), required, 3e-7);
});

test('appendEntries writes the rows of tokens that end an entry, and no others', () => {
  const [B, T, capacity, size, tokensPerRow] = [2, 7, 6, 5, 3];
  const [x, held] = [normal(B * T * size), normal(B * capacity * size)];
  const bench = new Workbench();
  const state = { address: bench.put(held), count: held.length };
  const positions = bench.put(Int32Array.of(0, 4));
  const places = { x: bench.put(x), positions, state: state.address };
  bench.run('appendEntries', { ...places, B, T, capacity, size, tokensPerRow }, [state]);
  const ends = [
    [0, 2, 0],
    [0, 5, 1],
    [1, 1, 1],
    [1, 4, 2],
  ] as const;
  for (const [b, t, entry] of ends) {
    const from = (b * T + t) * size;
    held.set(x.subarray(from, from + size), (b * capacity + entry) * size);
  }
  assert.deepEqual(bench.floats(state), held);
});

test('attentionToRows sees the rows chosen for each token, and none that is negative', () => {
  const [B, T, H, G, topK, capacity] = [2, 3, 6, 2, 5, 9];
  const [keyWidth, valueStride, valueWidth, scale] = [7, 11, 10, 0.3];
  const q = normal(B * T * H * keyWidth);
  const [k, v] = [normal(B * capacity * G * keyWidth), normal(B * capacity * G * valueStride)];
  const chosen = Int32Array.from({ length: B * T * topK }, (_, i) =>
    i % topK > Math.floor(i / topK) ? -1 : (i * 4) % capacity,
  );
  const required = new Float32Array(B * T * H * valueWidth);
  for (let row = 0; row < B * T * H; row++) {
    const [token, g] = [Math.floor(row / H), Math.floor(((row % H) * G) / H)];
    const rows = [...chosen.subarray(token * topK, (token + 1) * topK)].filter((r) => r >= 0);
    const gather = (x: Float32Array, width: number): Float32Array =>
      Float32Array.from(
        rows.flatMap((r) => {
          const at = ((Math.floor(token / T) * capacity + r) * G + g) * width;
          return [...x.subarray(at, at + width)];
        }),
      );
    const request = {
      query: q,
      queryOffset: row * keyWidth,
      keys: gather(k, keyWidth),
      values: gather(v, valueStride),
      ...{ keyOffset: 0, valueOffset: 0, keyStride: keyWidth, valueStride, keyWidth, valueWidth },
      count: rows.length,
      scale,
    };
    floatNumerics.attend(request, required.subarray(row * valueWidth, (row + 1) * valueWidth));
  }
  const bench = new Workbench();
  const [chosenKeys, chosenValues] = [keyWidth, valueStride].map((w) => bench.room(topK * G * w));
  const [scores, out] = [bench.room((H / G) * 8), bench.room(required.length)];
  const places = { q: bench.put(q), keys: bench.put(k), values: bench.put(v) };
  const gathered = { chosenKeys: chosenKeys!.address, chosenValues: chosenValues!.address };
  const shared = H / G;
  const steps = { qStep: H * keyWidth, keyStep: G * keyWidth, valueStep: G * valueStride };
  const counts = { B, T, G, shared, capacity, keyWidth, valueStride, valueWidth, topK, scale };
  const sizes = { ...steps, outStep: H * valueWidth, ...counts };
  bench.run(
    'attentionToRows',
    {
      ...places,
      chosen: bench.put(chosen),
      ...gathered,
      scores: scores.address,
      scoreStride: 8,
      out: out.address,
      ...sizes,
    },
    [chosenKeys!, chosenValues!, scores, out],
  );
  assertClose(bench.floats(out), required, 1e-6);
});

/** The rows that a state holds, zeros where the sequence starts, and those of a step behind them. */
function withPast(held: Float32Array, x: Float32Array, position: number): Float32Array {
  return Float32Array.of(...(position === 0 ? held.map(() => 0) : held), ...x);
}

test('compress pools the windows that end, from zeros where a sequence starts', () => {
  for (const [overlap, biased] of [
    [false, true],
    [true, true],
    [true, false],
  ] as const) {
    const [T, K, tokensPerRow] = [7, 5, 3];
    const C = K * (overlap ? 4 : 2);
    const kept = tokensPerRow * (overlap ? 2 : 1) - 1;
    for (const position of [0, 2, 6]) {
      const [x, held] = [normal(T * C), normal(kept * C)];
      const bias = normal((tokensPerRow * C) / 2).map((value) => (biased ? value : 0));
      const bench = new Workbench();
      const state = { address: bench.put(held), count: held.length };
      const [rows, out] = [bench.room((kept + T) * C), bench.room(T * K)];
      const places = { state: state.address, x: bench.put(x), bias: biased ? bench.put(bias) : 0 };
      const positions = bench.put(Int32Array.of(position));
      const scratch = { positions, rows: rows.address, out: out.address };
      const sizes = { B: 1, T, C, K, tokensPerRow, overlap: Number(overlap) };
      bench.run('compress', { ...places, ...scratch, ...sizes }, [state, rows, out]);

      const all = withPast(held, x, position);
      const required = new Float32Array(T * K);
      for (let t = 0; t < T; t++) {
        const end = position + t + 1;
        if (end % tokensPerRow !== 0) continue;
        const window = all.subarray(t * C, (t + kept + 1) * C);
        const request = { rows: window, bias, K, overlap, first: end === tokensPerRow };
        floatNumerics.pool(request, required.subarray(t * K, (t + 1) * K));
      }
      assertClose(bench.floats(out), required, 1e-6);
      assert.deepEqual(bench.floats(state), all.slice(T * C));
    }
  }
});

interface WindowCase {
  readonly T: number;
  readonly position: number;
  readonly read: 'window' | 'all' | 'chosen';
}

/** Attention of 3 heads of 7 to a window of 4 and entries for 3 tokens each, of which 2 may be chosen. */
function checkWindow({ T, position, read }: WindowCase): void {
  const [H, K, W, tokensPerRow, capacity, scale] = [3, 7, 4, 3, 12, 0.4];
  const [q, x, sinks] = [normal(T * H * K), normal(T * K), normal(H)];
  const [held, entries] = [normal(W * K), normal(capacity * K)];
  const topK = read === 'chosen' ? 2 : 0;
  const chosen = Int32Array.from({ length: T * topK }, (_, i) => (i % 3 === 1 ? -1 : i % 5));
  const all = withPast(held, x, position);
  const required = new Float32Array(T * H * K);
  for (let t = 0; t < T; t++) {
    const end = position + t + 1;
    const complete = [...Array(Math.floor(end / tokensPerRow)).keys()];
    const picked = [...chosen.subarray(t * topK, (t + 1) * topK)].filter((row) =>
      complete.includes(row),
    );
    const rows = { window: [], all: complete, chosen: picked }[read];
    const own = all.subarray((W + t + 1 - Math.min(W, end)) * K, (W + t + 1) * K);
    const more = rows.flatMap((row) => [...entries.subarray(row * K, (row + 1) * K)]);
    const keys = Float32Array.of(...own, ...more);
    for (let h = 0; h < H; h++) {
      const at = (t * H + h) * K;
      const strides = { keyStride: K, valueStride: K, keyWidth: K, valueWidth: K };
      const offsets = { queryOffset: at, keyOffset: 0, valueOffset: 0, count: keys.length / K };
      const request = { query: q, keys, values: keys, ...strides, ...offsets, scale };
      floatNumerics.attend({ ...request, sink: sinks[h]! }, required.subarray(at, at + K));
    }
  }
  const bench = new Workbench();
  const state = { address: bench.put(held), count: held.length };
  const [rows, seen] = [bench.room((W + T) * K), bench.room((W + capacity) * K)];
  const [scores, out] = [bench.room(H * 20), bench.room(required.length)];
  bench.run(
    'windowAttention',
    {
      ...{ state: state.address, q: bench.put(q), x: bench.put(x), sinks: bench.put(sinks) },
      positions: bench.put(Int32Array.of(position)),
      entries: read === 'window' ? 0 : bench.put(entries),
      chosen: read === 'chosen' ? bench.put(chosen) : 0,
      ...{ rows: rows.address, seen: seen.address, scores: scores.address, scoreStride: 20 },
      ...{ out: out.address, B: 1, T, H, K, W, capacity, topK, tokensPerRow, scale },
    },
    [state, rows, seen, scores, out],
  );
  assertClose(bench.floats(out), required, 1e-6);
  assert.deepEqual(bench.floats(state), all.slice(T * K));
}

test('windowAttention sees a window, entries and a sink, from the start of a sequence and later', () => {
  for (const read of ['window', 'all', 'chosen'] as const) {
    for (const [T, position] of [
      [1, 0],
      [9, 0],
      [2, 3],
      [6, 25],
    ] as const) {
      checkWindow({ T, position, read });
    }
  }
});

test('hyperConnection gives coefficients whose combination adds up to one, as the judge does', () => {
  for (const [streams, iterations] of [
    [4, 20],
    [3, 1],
    [5, 4],
  ] as const) {
    for (const M of [streams, streams * (streams + 2)]) {
      const rows = 3;
      const attrs: HyperConnectionAttrs = { streams, iterations, epsilon: 1e-3 };
      const [x, base] = [normal(rows * M), normal(M)];
      const factors = normal(M === streams ? 1 : 3);
      const bench = new Workbench();
      const [matrix, out] = [bench.room(streams * 8), bench.room(rows * M)];
      const places = { logits: bench.put(x), factors: bench.put(factors), base: bench.put(base) };
      const sizes = { rows, n: streams, M, iterations, epsilon: attrs.epsilon };
      const scratch = { matrix: matrix.address, out: out.address };
      bench.run('hyperConnection', { ...places, ...scratch, ...sizes }, [matrix, out]);
      const required = new Float32Array(rows * M);
      for (let at = 0; at < rows * M; at += M) {
        const [from, to] = [x.subarray(at, at + M), required.subarray(at, at + M)];
        floatNumerics.hyperConnection(from, factors, base, attrs, to);
      }
      assertClose(bench.floats(out), required, 2e-6);
    }
  }
});

test('mixHeads adds the heads of a token, each by its coefficient', () => {
  const [rows, m, n, D] = [3, 2, 5, 23];
  const [c, x] = [normal(rows * m * n), normal(rows * n * D)];
  const bench = new Workbench();
  const out = bench.room(rows * m * D);
  const places = { c: bench.put(c), x: bench.put(x), out: out.address };
  bench.run('mixHeads', { ...places, rows, m, n, D }, [out]);
  const required = Float32Array.from({ length: rows * m * D }, (_, i) => {
    const [row, j, d] = [Math.floor(i / (m * D)), Math.floor(i / D) % m, i % D];
    let sum = 0;
    for (let k = 0; k < n; k++) sum += c[(row * m + j) * n + k]! * x[(row * n + k) * D + d]!;
    return sum;
  });
  assertClose(bench.floats(out), required, 1e-6);
});

test('routeByToken gives gates to the experts of the table, each its share of all in the row', () => {
  const [rows, E, topK, V] = [4, 7, 3, 3];
  const [logits, tokens] = [normal(rows * E), Int32Array.of(2, 0, 1, 2)];
  const table = Float32Array.of(6, 0, 3, 1, 2, 5, 4, 4, 0); // the last names an expert twice
  assert.equal(table.length, V * topK);
  for (const scoring of ['softmax', 'sigmoid', 'sqrtSoftplus'] as const) {
    for (const normalize of [false, true]) {
      const bench = new Workbench();
      const [scratch, out] = [bench.room(8), bench.room(rows * E)];
      const places = { logits: bench.put(logits), tokens: bench.put(tokens) };
      const rules = { scoring: SCORINGS[scoring], normalize: Number(normalize), scale: 2.5 };
      const room = { table: bench.put(table), scratch: scratch.address, out: out.address };
      bench.run('routeByToken', { ...places, ...room, rows, E, topK, ...rules }, [scratch, out]);
      const required = new Float32Array(rows * E);
      for (const [i, token] of tokens.entries()) {
        const [from, to] = [i * E, (i + 1) * E];
        const experts = [...table.subarray(token * topK, (token + 1) * topK)];
        const attrs = { scoring, normalize, scale: 2.5 };
        floatNumerics.gatesOf(
          logits.subarray(from, to),
          experts,
          attrs,
          required.subarray(from, to),
        );
      }
      assertClose(bench.floats(out), required, 1e-6);
    }
  }
});
