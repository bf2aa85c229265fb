import { defineModule, type Module, type Signal } from '../../../../hdl/index.ts';
import { QUEUES } from '../../isa.table.ts';

const COUNTER_BITS = 16;

/**
 * The counting semaphores between each ordered pair of queues. For each queue: `<queue>Wait` is the mask
 * of its head and `<queue>Ready` says that all tokens of it are there, one given in this cycle included;
 * `<queue>Start` takes them; `<queue>Retire` gives one token to each queue of the mask `<queue>Signal`.
 */
export function semaphores(): Module {
  const each = (name: string, width: number): Record<string, number> =>
    Object.fromEntries(QUEUES.map((queue) => [`${queue}${name}`, width]));
  const masks = QUEUES.length;
  return defineModule({
    name: 'semaphores',
    comment: 'Counts the tokens from each queue to each queue.',
    inputs: {
      ...each('Wait', masks),
      ...each('Start', 1),
      ...each('Retire', 1),
      ...each('Signal', masks),
    },
    outputs: each('Ready', 1),
    body(ports: Readonly<Record<string, Signal>>, m) {
      const ready = (to: string, index: number): Signal => {
        const missing = QUEUES.map((from, i) => {
          const given = ports[`${from}Retire`]!.and(ports[`${from}Signal`]!.bit(index));
          const waits = ports[`${to}Wait`]!.bit(i);
          const taken = ports[`${to}Start`]!.and(waits);
          const count = m.register(`${from}To_${to}`, COUNTER_BITS, { reset: 0 });
          const change = given.mux(count.constant(1), -1);
          count.set(count.add(change), given.xor(taken));
          m.assert(`${from}To_${to}Fits`, count.reduceAnd().and(given).and(taken.not()).not());
          return waits.and(count.reduceOr().or(given).not());
        });
        return missing.reduce((any, each) => any.or(each)).not();
      };
      return Object.fromEntries(QUEUES.map((to, index) => [`${to}Ready`, ready(to, index)]));
    },
  });
}
