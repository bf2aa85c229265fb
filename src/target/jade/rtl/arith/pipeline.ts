/**
 * Registers between the steps of a function.
 *
 * A function of this folder calls its `cut` between any two steps with everything that later steps
 * need. The identity, `uncut`, leaves it combinational; the one that `pipelined` passes registers after
 * some steps, as many as there are cycles. So a unit is written once, and its latency is a number of the chip.
 */
import { Signal, type ModuleBuilder } from '../../../../hdl/index.ts';
import { mapBundle, type Bundle } from '../bundle.ts';
import { delayedBundle } from '../delay.ts';
import { balanceStages, delayOf, type Step } from './balance.ts';

/** Ends a step: takes what later steps need and returns it as they see it. */
export type Cut<T> = <V extends Bundle<T>>(values: V) => V;

/** The cut that is none. */
export function uncut<V>(values: V): V {
  return values;
}

/**
 * The results of `build` exactly `latency` cycles later, one set of operands a cycle. Registers follow
 * those steps that make the slowest stage fastest, always the last; more cycles than steps are plain
 * registers at the end. `build` is called twice, first to measure its steps, and so must make nothing but
 * operations.
 */
export function pipelined<V extends Bundle<Signal>>(
  m: ModuleBuilder,
  name: string,
  latency: number,
  build: (cut: Cut<Signal>) => V,
): V {
  const steps = measureSteps(build);
  const stages = Math.min(latency, steps.length);
  const ends = balanceStages(steps, stages);
  let step = 0;
  const cut: Cut<Signal> = (values) => {
    step += 1;
    const stage = ends.indexOf(step) + 1;
    return stage === 0 ? values : delayedBundle(m, `${name}${stage}`, values, 1);
  };
  const results = cut(build(cut));
  return delayedBundle(m, `${name}Late`, results, latency - stages);
}

/** What each step costs: behind a cut, in place of registers, everything starts from new signals. */
function measureSteps(build: (cut: Cut<Signal>) => Bundle<Signal>): Step[] {
  const steps: Step[] = [];
  const cut: Cut<Signal> = (values) => {
    let [delay, bits] = [0, 0];
    const known = new Map<Signal, number>();
    const behind = mapBundle(values, '', (_, signal) => {
      if (signal.source.kind === 'constant') return signal;
      delay = Math.max(delay, delayOf(signal, known));
      bits += signal.width;
      return new Signal(signal.width, { kind: 'input' });
    });
    steps.push({ delay, bits });
    return behind;
  };
  cut(build(cut));
  return steps;
}
