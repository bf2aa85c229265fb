/**
 * Interpreter rules of the ops with a state that a step replaces. At position 0 a sequence starts, and
 * its state counts as zeros whatever the buffer holds.
 */
import { UsageError } from '../base/index.ts';
import type { SomeRules, Step } from './evaluation.ts';
import type { NodeOf } from './graph.ts';
import { f32Of, f32Value, i32Of, type Value } from './value.ts';

type RecurrenceOp = 'causalConvolution' | 'gatedDelta';

export const RECURRENCE_RULES: SomeRules<RecurrenceOp> = {
  causalConvolution,
  gatedDelta,
};

/**
 * A state that steps replace holds what came of all tokens so far: a step goes on from there, or starts
 * anew. Throws UsageError for a position that is neither 0 nor the length of the sequence.
 */
export function requireContinues(positions: Int32Array, lengths: readonly number[]): void {
  for (const [b, start] of positions.entries()) {
    const length = lengths[b] ?? 0;
    if (start === 0 || start === length) continue;
    throw new UsageError(
      `a step with recurrent state must start at token 0 or ${length}, not at ${start}`,
      { where: `sequence ${b}`, hint: 'a recurrent state cannot go back; feed the sequence again' },
    );
  }
}

/** The state of each sequence of the step, to be changed in place; zeros where one starts. */
export function statesOf(state: Value, position: Value): Float32Array[] {
  const size = state.shape.slice(1).reduce((product, extent) => product * extent, 1);
  return Array.from(i32Of(position), (start, b) => {
    const own = f32Of(state).subarray(b * size, (b + 1) * size);
    return start === 0 ? own.fill(0) : own;
  });
}

/** The inputs of a sequence behind its last ones; a window of W rows, so many apart, moves along them. */
function causalConvolution(
  { attrs: { dilation = 1 } }: NodeOf<'causalConvolution'>,
  inputs: readonly Value[],
  { numerics }: Step,
): Value {
  const [state, x, weight, position] = inputs as [Value, Value, Value, Value];
  const [B, T, C] = x.shape as [number, number, number];
  const W = weight.shape[1]!;
  const out = new Float32Array(B * T * C);
  const window = new Float32Array(W * C);
  for (const [b, past] of statesOf(state, position).entries()) {
    const rows = new Float32Array(((W - 1) * dilation + T) * C);
    rows.set(past);
    rows.set(f32Of(x).subarray(b * T * C, (b + 1) * T * C), past.length);
    for (let t = 0; t < T; t++) {
      const at = (b * T + t) * C;
      const taps = Array.from({ length: W }, (__, j) => (t + j * dilation) * C);
      for (const [j, from] of taps.entries()) window.set(rows.subarray(from, from + C), j * C);
      numerics.convolve(window, f32Of(weight), out.subarray(at, at + C));
    }
    past.set(rows.subarray(T * C));
  }
  return f32Value([B, T, C], out);
}

function gatedDelta(
  { attrs }: NodeOf<'gatedDelta'>,
  inputs: readonly Value[],
  { numerics }: Step,
): Value {
  const [state, q, k, v, decay, beta, position] = inputs as [
    Value,
    Value,
    Value,
    Value,
    Value,
    Value,
    Value,
  ];
  const [B, T, H, V] = v.shape as [number, number, number, number];
  const [G, K] = q.shape.slice(2) as [number, number];
  const out = new Float32Array(B * T * H * V);
  const rows = new Float32Array(T * V);
  for (const [b, states] of statesOf(state, position).entries()) {
    for (let h = 0; h < H; h++) {
      const g = Math.floor((h * G) / H);
      const request = {
        ...attrs,
        state: states.subarray(h * K * V, (h + 1) * K * V),
        query: headRows(q, b, g, G, K),
        key: headRows(k, b, g, G, K),
        value: headRows(v, b, h, H, V),
        decay: headRows(decay, b, h, H, 1),
        beta: headRows(beta, b, h, H, 1),
      };
      numerics.gatedDelta(request, rows);
      for (let t = 0; t < T; t++) {
        out.set(rows.subarray(t * V, (t + 1) * V), ((b * T + t) * H + h) * V);
      }
    }
  }
  return f32Value(v.shape, out);
}

/** The rows (T,width) of one head of one sequence. */
function headRows(
  value: Value,
  b: number,
  head: number,
  heads: number,
  width: number,
): Float32Array {
  const [data, T] = [f32Of(value), value.shape[1]!];
  const out = new Float32Array(T * width);
  for (let t = 0; t < T; t++) {
    const at = ((b * T + t) * heads + head) * width;
    out.set(data.subarray(at, at + width), t * width);
  }
  return out;
}
