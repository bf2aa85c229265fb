import type { Logic } from '../logic.ts';
import { defineModule } from '../module.ts';
import type { Module } from '../signal.ts';

/**
 * The exact sum of products of two vectors of signed lanes, `laneWidth` bits each: what `Bits` computes
 * in a test and `Signal` builds in the module below. The sum has 2·laneWidth + log2(lanes) bits.
 */
export function dot<T extends Logic<T>>(a: T, b: T, laneWidth: number): T {
  const others = b.lanes(laneWidth);
  let terms = a.lanes(laneWidth).map((lane, i) => lane.mulS(others[i]).named('product'));
  while (terms.length > 1) terms = addPairs(terms);
  return terms[0];
}

/** One level of the tree of adders; each sum has one bit more than its terms. */
function addPairs<T extends Logic<T>>(terms: readonly T[]): T[] {
  const wide = terms.map((term) => term.signExtend(term.width + 1));
  return Array.from({ length: terms.length / 2 }, (_, i) => {
    return wide[2 * i].add(wide[2 * i + 1]).named('sum');
  });
}

/** Dot products of int8 vectors, one a cycle, added up from `first` on; two stages. */
export function dotProduct(
  lanes: number,
): Module<{ a: number; b: number; first: 1; valid: 1 }, { total: 32 }> {
  return defineModule({
    name: `dot_product_${lanes}`,
    comment: `Adds up the dot products of vectors of ${lanes} int8.\nA total shows two cycles after its last operands.`,
    inputs: { a: 8 * lanes, b: 8 * lanes, first: 1, valid: 1 },
    outputs: { total: 32 },
    body({ a, b, first, valid }, m) {
      const blockSum = m.delay('blockSum', dot(a, b, 8), { enable: valid, comment: 'stage 1' });
      const restart = m.delay('restart', first, { enable: valid });
      const add = m.delay('add', valid, { reset: 0 });
      const total = m.register('total', 32, { reset: 0, comment: 'stage 2' });
      const addend = blockSum.signExtend(32).named('addend');
      total.set(restart.mux(addend, total.add(addend)), add);
      return { total };
    },
  });
}
