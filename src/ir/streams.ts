/** Interpreter rules of hyper-connections: residual streams that a token's own coefficients mix. */
import type { SomeRules, Step } from './evaluation.ts';
import type { NodeOf } from './graph.ts';
import { f32Of, f32Value, rowCount, viewRows, type Value } from './value.ts';

export const STREAM_RULES: SomeRules<'hyperConnection' | 'mixHeads'> = {
  hyperConnection,
  mixHeads,
};

function hyperConnection(
  { attrs }: NodeOf<'hyperConnection'>,
  [logits, scale, base]: readonly Value[],
  { numerics }: Step,
): Value {
  const out = f32Value(logits!.shape, new Float32Array(f32Of(logits!).length));
  for (let row = 0; row < rowCount(out); row++) {
    const [x, y] = [logits!, out].map((value) => f32Of(viewRows(value, row, 1)));
    numerics.hyperConnection(x!, f32Of(scale!), f32Of(base!), attrs, y!);
  }
  return out;
}

/** out[m] = Σ_n coefficients[m][n] · x[n], for each token. */
function mixHeads(_: unknown, [coefficients, x]: readonly Value[], { numerics }: Step): Value {
  const [B, T, n, D] = x!.shape as [number, number, number, number];
  const m = coefficients!.shape[2]! / n;
  const out = f32Value([B, T, m, D], new Float32Array(B * T * m * D));
  for (let token = 0; token < B * T; token++) {
    const [c, rows, y] = [
      viewRows(coefficients!, token, 1),
      viewRows(x!, token * n, n),
      viewRows(out, token * m, m),
    ].map(f32Of);
    numerics.mix(c!, rows!, D, y!);
  }
  return out;
}
