/** Interpreter rules of tables by n-gram: which rows the last tokens stand for, and how much they count. */
import { UsageError } from '../base/index.ts';
import { type SomeRules, type Step } from './evaluation.ts';
import { type NodeOf } from './graph.ts';
import { hashedRows } from './ngram.ts';
import { type OpAttrs } from './ops.table.ts';
import { statesOf } from './recurrence.ts';
import { f32Of, f32Value, i32Of, i32Value, viewRows, type Value } from './value.ts';

export const CLASSED_N_GRAM_RULES: SomeRules<'classedNGramRows' | 'nGramGate'> = {
  classedNGramRows,
  nGramGate,
};

function classedNGramRows({ attrs }: NodeOf<'classedNGramRows'>, inputs: readonly Value[]): Value {
  const [state, tokens, classes, position] = inputs as [Value, Value, Value, Value];
  const [B, T] = tokens.shape as [number, number];
  const parts = attrs.moduli.length;
  const kept = state.shape[1]!;
  const out = new Int32Array(B * T * parts);
  const padding = classOf(attrs.padding, classes);
  for (const [b, past] of statesOf(state, position).entries()) {
    if (i32Of(position)[b] === 0) past.fill(padding);
    const own = i32Of(viewRows(tokens, b, 1));
    const all = [...past, ...Array.from(own, (token) => classOf(token, classes))];
    for (let t = 0; t < T; t++) {
      const newestFirst = all.slice(t, t + kept + 1).toReversed();
      out.set(rowsOfNGrams(newestFirst, attrs), (b * T + t) * parts);
    }
    past.set(all.slice(T));
  }
  return i32Value([B, T, parts], out);
}

function classOf(token: number, classes: Value): number {
  const found = f32Of(classes)[token];
  if (found !== undefined) return found;
  throw new UsageError(`token must be an id from 0 to ${classes.shape[0]! - 1}, not ${token}`);
}

/** A row in each part of the table; products of less than 2^63 need more than f64 holds. */
function rowsOfNGrams(
  newestFirst: readonly number[],
  { multipliers, moduli }: OpAttrs['classedNGramRows'],
): number[] {
  const products = newestFirst.map((id, i) => BigInt(id) * BigInt(multipliers[i]!));
  return hashedRows(products, moduli);
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
