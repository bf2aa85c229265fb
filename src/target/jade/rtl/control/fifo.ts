import { defineModule, indexWidth, type Module } from '../../../../hdl/index.ts';

export type FifoInputs = { push: 1; pushData: number; pop: 1 };
export type FifoOutputs = { full: 1; empty: 1; valid: 1; head: number };

/**
 * A queue of entries in a memory. What is pushed in cycle t is the head from t + 2 on, if it is the
 * oldest; after a pop the next entry is the head in the next cycle, and its place is free. `depth` is a
 * power of two; nothing may be pushed while `full` unless the head is popped, or popped while not `valid`.
 */
export function fifo(name: string, depth: number, width: number): Module<FifoInputs, FifoOutputs> {
  const bits = indexWidth(depth);
  return defineModule({
    name,
    comment: `A queue of ${depth} entries: the head is read ahead, so that it is there when it may leave.`,
    inputs: { push: 1, pushData: width, pop: 1 },
    outputs: { full: 1, empty: 1, valid: 1, head: width },
    body({ push, pushData, pop }, m) {
      const first = m.register('first', bits, { reset: 0, comment: 'place of the head' });
      const free = m.register('free', bits, { reset: 0, comment: 'place of the next entry' });
      const count = m.register('count', bits + 1, {
        reset: 0,
        comment: 'entries, the head included',
      });
      const next = first.add(pop.zeroExtend(bits)).named('nextFirst');
      const after = count.sub(pop.zeroExtend(bits + 1)).named('countAfterPop');
      first.set(next);
      free.set(free.add(1), push);
      count.set(after.add(push.zeroExtend(bits + 1)));
      const remain = after.reduceOr();
      const valid = m.delay('valid', remain, { reset: 0 });
      const head = m.memory('entries', {
        words: depth,
        width,
        read: { address: next, enable: remain },
        write: { address: free, data: pushData, enable: push },
      });
      const full = count.eq(depth);
      m.assert('pushWhileFull', push.and(full).and(pop.not()).not());
      m.assert('popWithoutHead', pop.and(valid.not()).not());
      return { full, empty: count.eq(0), valid, head };
    },
  });
}
