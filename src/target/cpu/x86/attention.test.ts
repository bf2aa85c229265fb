import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertClose, normal } from '../../../../test/workbench.ts';
import { wideKernels } from '../../../../test/x86/levels.ts';
import { NativeWorkbench } from '../../../../test/x86/workbench.ts';
import { addAttendTokens } from './attendTokens.ts';
import { addAttention } from './attention.ts';

const [library, reason] = wideKernels((assembler) => {
  addAttention(assembler);
  addAttendTokens(assembler);
});

interface Shape {
  readonly rows: number;
  readonly position: number;
  readonly rowStep: 0 | 1;
  readonly keyWidth: number;
  readonly valueWidth: number;
}

interface Inputs {
  readonly q: Float32Array;
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

const SCALE = 0.25;

function randomInputs({ rows, position, keyWidth, valueWidth }: Shape): Inputs {
  const count = position + rows;
  return {
    q: normal(rows * keyWidth),
    keys: normal(count * keyWidth),
    values: normal(count * valueWidth),
  };
}

/** Rows `first` to `first` + `rows` of the shape. */
function run(
  shape: Shape,
  { q, keys, values }: Inputs,
  first = 0,
  rows = shape.rows,
): Float32Array {
  const { position, rowStep, keyWidth, valueWidth } = shape;
  const bench = new NativeWorkbench(library);
  const out = bench.room(rows * valueWidth * 4);
  const scale = new Uint32Array(Float32Array.of(SCALE).buffer)[0]!;
  const cells = [
    ...[bench.put(q.subarray(first * keyWidth, (first + rows) * keyWidth)), 4 * keyWidth],
    ...[bench.put(keys), 4 * keyWidth, bench.put(values), 4 * valueWidth],
    ...[position + 1 + rowStep * first, out, 4 * valueWidth],
    ...[rows, rowStep, keyWidth, valueWidth, scale],
  ];
  bench.run('attention', cells, [out]);
  return bench.floats(out);
}

function judge(shape: Shape, { q, keys, values }: Inputs): Float32Array {
  const { rows, position, rowStep, keyWidth, valueWidth } = shape;
  const out = new Float32Array(rows * valueWidth);
  for (let r = 0; r < rows; r++) {
    const count = position + 1 + rowStep * r;
    const scores = Array.from({ length: count }, (_, s) => {
      let sum = 0;
      for (let d = 0; d < keyWidth; d++) sum += q[r * keyWidth + d]! * keys[s * keyWidth + d]!;
      return sum * SCALE;
    });
    const most = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - most));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let c = 0; c < valueWidth; c++) {
      const sum = weights.reduce((all, weight, s) => all + weight * values[s * valueWidth + c]!, 0);
      out[r * valueWidth + c] = sum / total;
    }
  }
  return out;
}

const SHAPES: readonly Shape[] = [
  { rows: 1, position: 0, rowStep: 0, keyWidth: 16, valueWidth: 16 },
  { rows: 5, position: 3, rowStep: 0, keyWidth: 32, valueWidth: 80 },
  { rows: 16, position: 70, rowStep: 0, keyWidth: 64, valueWidth: 64 },
  { rows: 45, position: 0, rowStep: 1, keyWidth: 128, valueWidth: 128 },
  { rows: 13, position: 95, rowStep: 1, keyWidth: 192, valueWidth: 128 },
  { rows: 3, position: 31, rowStep: 1, keyWidth: 576, valueWidth: 512 },
];

test('attention is softmax of the scores times the values', { skip: reason }, () => {
  for (const shape of SHAPES) {
    const inputs = randomInputs(shape);
    assertClose(run(shape, inputs), judge(shape, inputs), 2e-6);
  }
});

test('a row has the same bits whatever rows are beside it', { skip: reason }, () => {
  const shape = SHAPES[3]!;
  const inputs = randomInputs(shape);
  const together = run(shape, inputs);
  for (const [first, rows] of [
    [0, 1],
    [7, 12],
    [33, 12],
    [44, 1],
  ] as const) {
    const some = run(shape, inputs, first, rows);
    assert.deepEqual(some, together.subarray(first * 128, (first + rows) * 128));
  }
});

test('scores far apart leave the largest alone', { skip: reason }, () => {
  const shape = { rows: 1, position: 40, rowStep: 0, keyWidth: 16, valueWidth: 16 } as const;
  const inputs = randomInputs(shape);
  inputs.q.fill(100);
  inputs.keys.fill(-1).fill(1, 16 * 36, 16 * 37);
  assert.deepEqual(run(shape, inputs), inputs.values.slice(16 * 36, 16 * 37));
});

interface TokenShape extends Omit<Shape, 'rows' | 'rowStep'> {
  readonly tokens: number;
  readonly shared: number;
}

/** Tokens with their heads: by `attendTokens`, and head by head. */
function runTokens(shape: TokenShape): readonly [Float32Array, Float32Array] {
  const { tokens, shared, position, keyWidth, valueWidth } = shape;
  const [rows, count] = [tokens * shared, position + tokens];
  const q = normal(rows * keyWidth);
  const [keys, values] = [normal(count * keyWidth), normal(count * valueWidth)];
  const bench = new NativeWorkbench(library);
  const [first, second] = [bench.room(rows * valueWidth * 4), bench.room(rows * valueWidth * 4)];
  const scale = new Uint32Array(Float32Array.of(SCALE).buffer)[0]!;
  const [qAt, keysAt, valuesAt] = [bench.put(q), bench.put(keys), bench.put(values)];
  const strides = { q: 4 * keyWidth * shared, out: 4 * valueWidth * shared };
  const context = [keysAt, 4 * keyWidth, valuesAt, 4 * valueWidth, position + 1] as const;
  const places = [qAt, strides.q, ...context, first, strides.out];
  bench.run('attendTokens', [...places, tokens, shared, keyWidth, valueWidth, scale], [first]);
  for (let head = 0; head < shared; head++) {
    const [from, to] = [
      bench.address(qAt) + 4 * keyWidth * head,
      bench.address(second) + 4 * valueWidth * head,
    ];
    const cells = [from, strides.q, ...context, to, strides.out];
    bench.run('attention', [...cells, tokens, 1, keyWidth, valueWidth, scale], [second]);
  }
  return [bench.floats(first), bench.floats(second)];
}

const TOKEN_SHAPES: readonly TokenShape[] = [
  { tokens: 1, shared: 1, position: 0, keyWidth: 16, valueWidth: 16 },
  { tokens: 48, shared: 2, position: 0, keyWidth: 128, valueWidth: 128 },
  { tokens: 128, shared: 2, position: 100, keyWidth: 64, valueWidth: 64 },
  { tokens: 45, shared: 2, position: 70, keyWidth: 64, valueWidth: 80 },
  { tokens: 33, shared: 1, position: 31, keyWidth: 192, valueWidth: 128 },
  { tokens: 5, shared: 7, position: 95, keyWidth: 32, valueWidth: 48 },
  { tokens: 3, shared: 16, position: 40, keyWidth: 576, valueWidth: 512 },
];

test('tokens with all their heads have the bits of head by head', { skip: reason }, () => {
  for (const shape of TOKEN_SHAPES) {
    const [together, single] = runTokens(shape);
    assert.deepEqual(together, single, JSON.stringify(shape));
  }
});
