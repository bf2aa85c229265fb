import { defineModule } from '../module.ts';
import type { Module } from '../signal.ts';

/** Counts the cycles with `enable`, modulo 2^width. */
export function counter(width: number): Module<{ enable: 1 }, { count: number }> {
  return defineModule({
    name: `counter_${width}`,
    comment: 'Counts the cycles with enable.',
    inputs: { enable: 1 },
    outputs: { count: width },
    body({ enable }, m) {
      const count = m.register('count', width, { reset: 0 });
      count.set(count.add(1), enable);
      return { count };
    },
  });
}
