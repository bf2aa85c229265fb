/** Interpreter rules of tables by n-gram: which rows the last tokens stand for, and how much they count. */
import type { SomeRules, Step } from './evaluation.ts';
import type { NodeOf } from './graph.ts';
import { ngramRowsOf, startOfNgrams } from './ngram.ts';
import { statesOf } from './recurrence.ts';
import { f32Of, f32Value, i32Of, i32Value, viewRows, type Value } from './value.ts';

export const NGRAM_RULES: SomeRules<'ngramRows' | 'nGramGate'> = {
  ngramRows,
  nGramGate,
};

/** The state holds the last ids, the newest last. */
function ngramRows({ attrs }: NodeOf<'ngramRows'>, inputs: readonly Value[]): Value {
  const [state, tokens, position, table] = inputs as [Value, Value, Value, Value?];
  const classes = table === undefined ? undefined : f32Of(table);
  const [B, T] = tokens.shape as [number, number];
  const parts = attrs.moduli.length;
  const out = new Int32Array(B * T * parts);
  for (const [b, past] of statesOf(state, position).entries()) {
    if (i32Of(position)[b] === 0) past.set(startOfNgrams(attrs, classes));
    const own = i32Of(viewRows(tokens, b, 1));
    out.set(ngramRowsOf(own, past, attrs, classes), b * T * parts);
  }
  return i32Value([B, T, parts], out);
}

function nGramGate(
  { attrs: { epsilon } }: NodeOf<'nGramGate'>,
  [x, keys, w, v]: readonly Value[],
  { numerics }: Step,
): Value {
  const shape = x!.shape.slice(0, 3) as [number, number, number];
  const [B, T, n] = shape;
  const rowOf = (value: Value, row: number): Float32Array => f32Of(viewRows(value, row, 1));
  const gates = Float32Array.from({ length: B * T * n }, (_, row) => {
    const weights = [rowOf(w!, row % n), rowOf(v!, row % n)] as const;
    return numerics.nGramGate({ x: rowOf(x!, row), key: rowOf(keys!, row), weights, epsilon });
  });
  return f32Value(shape, gates);
}
