/**
 * What the semaphores promise, against all that was given and all that was taken, counted apart: each
 * holds the difference, a queue is ready when every token it waits for is there, and nothing is taken
 * that was not given. Assumed: what starts was ready, and no more is given than a counter holds (of a
 * program that does, the simulator says so).
 */
import { defineModule, type Signal } from '../../../src/hdl/index.ts';
import { QUEUES } from '../../../src/target/jade/isa.table.ts';
import { semaphores } from '../../../src/target/jade/rtl/control/semaphores.ts';
import { peek } from '../peek.ts';
import { all, implies } from './conditions.ts';

const COUNTER_BITS = 16;

type Named = Readonly<Record<string, Signal>>;

export function semaphoresProof() {
  const pairs = QUEUES.flatMap((from) => QUEUES.map((to) => `${from}_to_${to}`));
  const opened = peek(semaphores(), Object.fromEntries(pairs.map((pair) => [`${pair}_now`, pair])));
  const inputs = Object.fromEntries(
    Object.entries<Signal>(semaphores().inputs).map(([port, { width }]) => [port, width]),
  );
  return defineModule({
    name: 'semaphores_proof',
    inputs,
    outputs: {},
    body(ports: Named, m) {
      const dut = m.instance('dut', opened, ports) as Named;
      for (const [t, to] of QUEUES.entries()) {
        m.assume(`${to}StartsWhenReady`, implies(ports[`${to}Start`]!, dut[`${to}Ready`]!));
        const there = QUEUES.map((from, f) => {
          const name = `${from}To_${to}`;
          const waits = ports[`${to}Wait`]!.bit(f);
          const gives = ports[`${from}Retire`]!.and(ports[`${from}Signal`]!.bit(t));
          const takes = ports[`${to}Start`]!.and(waits);
          const given = m.register(`${name}Given`, COUNTER_BITS, { reset: 0 });
          const taken = m.register(`${name}Taken`, COUNTER_BITS, { reset: 0 });
          given.set(given.add(1), gives);
          taken.set(taken.add(1), takes);
          const count = given.sub(taken).named(`${name}There`);
          m.assume(`${name}Fits`, implies(gives.and(takes.not()), count.reduceAnd().not()));
          m.assert(`${name}IsGivenLessTaken`, dut[`${from}_to_${to}_now`]!.eq(count));
          m.assert(`${name}TakesWhatWasGiven`, implies(takes, gives.or(count.reduceOr())));
          return implies(waits, gives.or(count.reduceOr()));
        });
        m.assert(`${to}IsReadyWithItsTokens`, dut[`${to}Ready`]!.eq(all(there)));
      }
      return {};
    },
  });
}
