/** Tables of embeddings that are too large to be held: only the rows that a step needs are read. */
import { requireToken } from './arithmetic.ts';
import type { WeightSource } from './graph.ts';
import { f32Value, i32Of, i32Value, type Value } from './value.ts';

/** A table that can be read row by row. */
export interface RowSource extends Pick<WeightSource, 'shape'> {
  loadRows(start: number, count: number): Float32Array;
}

/** The tokens by their place in a table of the rows they name, and that table: operands of `embedding`. */
export function gatherTable(tokens: Value, { shape, loadRows }: RowSource): [Value, Value] {
  const [V, D] = shape as [number, number];
  const places = new Map<number, number>();
  for (const token of i32Of(tokens)) {
    requireToken(token, V);
    if (!places.has(token)) places.set(token, places.size);
  }
  const table = new Float32Array(places.size * D);
  for (const [token, place] of places) table.set(loadRows(token, 1), place * D);
  const renamed = i32Of(tokens).map((token) => places.get(token)!);
  return [i32Value(tokens.shape, renamed), f32Value([places.size, D], table)];
}
