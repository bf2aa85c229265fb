import { defineModule, indexWidth, type Module } from '../../../../hdl/index.ts';

export type FifoInputs = { push: 1; pushData: number; pop: 1 };
export type FifoOutputs = { room: 1; empty: 1; valid: 1; data: number };

/**
 * A first-in first-out queue in a memory. What is pushed in a cycle is at the head from the second cycle
 * after on; what is popped leaves room from the next on, and to a
 * push in the same cycle. All outputs come from registers. `depth` must be
 * a power of two.
 */
export function fifo(depth: number, width: number): Module<FifoInputs, FifoOutputs> {
  const bits = indexWidth(depth);
  return defineModule({
    name: `fifo_${depth}x${width}`,
    comment:
      'A queue in a memory. An entry is at the head from the second cycle after its push on.',
    inputs: { push: 1, pushData: width, pop: 1 },
    outputs: { room: 1, empty: 1, valid: 1, data: width },
    body({ push, pushData, pop }, m) {
      const head = m.register('head', bits, { reset: 0, comment: 'the oldest entry' });
      const tail = m.register('tail', bits, { reset: 0, comment: 'the next free place' });
      const used = m.register('used', bits + 1, { reset: 0 });
      const readable = m.register('readable', bits + 1, {
        reset: 0,
        comment: 'entries in the memory before the last edge',
      });
      const arrived = m.delay('arrived', push, { reset: 0 });
      const minusPop = pop.repeat(bits + 1);
      const nextHead = head.add(pop.zeroExtend(bits)).named('nextHead');
      head.set(nextHead);
      tail.set(tail.add(1), push);
      used.set(used.add(push.zeroExtend(bits + 1)).add(minusPop));
      readable.set(readable.add(arrived.zeroExtend(bits + 1)).add(minusPop));
      const data = m.memory('entries', {
        words: depth,
        width,
        read: { address: nextHead },
        write: { address: tail, data: pushData, enable: push },
      });
      const room = used.ltU(depth);
      const valid = readable.reduceOr();
      m.assert('pushWithRoom', room.or(pop).or(push.not()));
      m.assert('popWhenValid', valid.or(pop.not()));
      return { room, empty: used.eq(0), valid, data };
    },
  });
}
