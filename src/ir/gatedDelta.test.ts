import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { gatedDelta } from './gatedDelta.ts';
import type { DeltaRequest } from './numerics.ts';

const [K, V] = [8, 5];

/** T tokens: normalised keys and queries, rates from 0 to 1, decays up to e^-3 a token. */
function tokens(T: number, chunk: number): DeltaRequest {
  const random = new Random(3);
  const rows = (width: number, fill = () => random.float() * 2 - 1): Float32Array =>
    Float32Array.from({ length: T * width }, fill);
  const unit = (): Float32Array => {
    const x = rows(K);
    return x.map((value, i) => {
      const row = x.subarray(i - (i % K), i - (i % K) + K);
      return value / Math.hypot(...row);
    });
  };
  return {
    state: Float32Array.from({ length: K * V }, () => random.float() - 0.5),
    query: unit(),
    key: unit(),
    value: rows(V),
    decay: rows(1, () => -3 * random.float() ** 4),
    beta: rows(1, () => random.float()),
    scale: K ** -0.5,
    chunk,
  };
}

function run(request: DeltaRequest): Float32Array {
  const out = new Float32Array(request.value.length);
  gatedDelta(request, out);
  return out;
}

function assertClose(found: Float32Array, required: Float32Array): void {
  for (const [i, value] of required.entries()) {
    assert.ok(Math.abs(found[i]! - value) < 1e-6, `${i}: ${value}, ${found[i]}`);
  }
}

test('a key that is learnt at rate 1 answers with its value', () => {
  const request = {
    state: Float32Array.of(1, 2, 3, 4),
    query: Float32Array.of(0, 1),
    key: Float32Array.of(0, 1),
    value: Float32Array.of(7, -5),
    decay: Float32Array.of(Math.log(0.5)),
    beta: Float32Array.of(1),
    scale: 2,
    chunk: 1,
  };
  assertClose(run(request), Float32Array.of(14, -10));
  assertClose(request.state, Float32Array.of(0.5, 1, 7, -5)); // the other row is only halved
});

test('rate 0 learns nothing: the state decays and is read', () => {
  const request = { ...tokens(1, 1), beta: Float32Array.of(0), decay: Float32Array.of(-1) };
  const before = request.state.slice();
  run(request);
  assertClose(
    request.state,
    before.map((x) => x * Math.exp(-1)),
  );
});

for (const [T, chunk] of [
  [150, 64],
  [64, 64],
  [65, 64],
  [7, 64],
  [40, 8],
  [5, 2],
] as const) {
  test(`${T} tokens in chunks of ${chunk} give what they give one by one`, () => {
    const [one, chunked] = [tokens(T, 1), tokens(T, chunk)];
    assertClose(run(chunked), run(one));
    assertClose(chunked.state, one.state);
  });
}

test('decays that would underflow in a chunk leave finite numbers', () => {
  const request = { ...tokens(64, 64), decay: new Float32Array(64).fill(-40) };
  assert.ok(run(request).every(Number.isFinite));
  assertClose(run({ ...request, chunk: 1 }), run(request));
});
