import { defineModule, indexWidth } from '../module.ts';
import type { Module } from '../signal.ts';

/** The ports of a queue. */
export type QueueInputs = { push: 1; pushData: number; pop: 1 };
export type QueueOutputs = { credit: 1; valid: 1; popData: number };

/**
 * A first-in first-out queue whose sender counts credits instead of asking whether there is room.
 *
 * The sender starts with `depth` credits, spends one on each push and gets one back with `credit`, in
 * the cycle after a pop. `depth` must be a power of two.
 */
export function creditQueue(depth: number, width: number): Module<QueueInputs, QueueOutputs> {
  return defineModule({
    name: `credit_queue_${depth}x${width}`,
    comment: 'A queue whose sender holds a credit for each free place.',
    inputs: { push: 1, pushData: width, pop: 1 },
    outputs: { credit: 1, valid: 1, popData: width },
    body({ push, pushData, pop }, m) {
      const bits = indexWidth(depth);
      const head = m.register('head', bits, { reset: 0, comment: 'the oldest entry' });
      const tail = m.register('tail', bits, { reset: 0, comment: 'the next free place' });
      const used = m.register('used', bits + 1, { reset: 0 });
      const places = Array.from({ length: depth }, (_, i) => {
        const place = m.register(`place${i}`, width);
        place.set(pushData, push.and(tail.eq(i)));
        return place;
      });
      head.set(head.add(1), pop);
      tail.set(tail.add(1), push);
      const change = pop.mux(-1, push.constant(1, used.width));
      used.set(used.add(change), push.xor(pop));
      m.assert('pushOnCredit', used.ltU(depth).or(push.not()));
      m.assert('popWhenValid', used.reduceOr().or(pop.not()));
      return {
        credit: m.delay('credit', pop, { reset: 0 }),
        valid: used.reduceOr(),
        popData: head.choose(places),
      };
    },
  });
}
