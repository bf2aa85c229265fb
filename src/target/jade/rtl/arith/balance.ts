/**
 * Where to put registers so that the slowest stage is as fast as the steps allow.
 *
 * Delays are estimates in units of 10 ps, fitted by eye to single steps that Yosys 0.23 and ABC mapped to
 * Nangate45 without wires: good enough to compare steps, and no more.
 */
import type { Operator, Signal } from '../../../../hdl/index.ts';

type Estimate = (widths: readonly number[]) => number;

const logarithm = (n: number): number => Math.ceil(Math.log2(n));
/** Carries ripple where an area-minded mapper has its way. */
const adder: Estimate = ([width]) => 4 + 1.7 * width;
/** A tree of full adders, which makes two rows of three, and an adder. */
const multiplier: Estimate = ([a, b]) => {
  const levels = Math.ceil(Math.log(Math.min(a, b) / 2) / Math.log(1.5));
  return 5 * Math.max(levels, 0) + adder([a + b]);
};
const comparison: Estimate = ([width]) => 10 + width / 2;
const shifter: Estimate = ([, amount]) => 4 * amount;
const tree: Estimate = ([width]) => 2 * logarithm(width);
const wiring: Estimate = () => 0;

const DELAYS: Readonly<Record<Operator, Estimate>> = {
  ...{ not: wiring, and: () => 2, or: () => 2, xor: () => 4 },
  ...{ add: adder, sub: adder, mulU: multiplier, mulS: multiplier },
  ...{ eq: ([width]) => 4 + 2 * logarithm(width), ltU: comparison, ltS: comparison },
  ...{ shl: shifter, shr: shifter, sra: shifter },
  ...{ reduceAnd: tree, reduceOr: tree, reduceXor: ([width]) => 4 * logarithm(width) },
  ...{ concat: wiring, slice: wiring, mux: (widths) => 4 * logarithm(widths.length - 1) },
};

/** The estimated delay of a signal after the latest of what it is computed from. */
export function delayOf(signal: Signal, known: Map<Signal, number>): number {
  const found = known.get(signal);
  if (found !== undefined) return found;
  const { source } = signal;
  let delay = 0;
  if (source.kind === 'wire' && source.driver) delay = delayOf(source.driver, known);
  if (source.kind === 'operation') {
    const inputs = source.operands.map((operand) => delayOf(operand, known));
    const widths = source.operands.map(({ width }) => width);
    delay = Math.max(...inputs) + DELAYS[source.operator](widths);
  }
  known.set(signal, delay);
  return delay;
}

/** What a step costs: its delay, and the bits of a register after it. */
export interface Step {
  readonly delay: number;
  readonly bits: number;
}

/**
 * The steps after which a register goes, one for each of `stages`, counted from 1, the last among them: so
 * that the slowest stage is fastest, and then with the fewest bits.
 */
export function balanceStages(steps: readonly Step[], stages: number): readonly number[] {
  if (stages === 0) return [];
  const fastest = cheapest(steps, stages, (before, delay) => Math.max(before, delay)).cost;
  return cheapest(steps, stages, (before, delay, { bits }) => {
    return delay > fastest ? Infinity : before + bits;
  }).ends;
}

interface Plan {
  readonly cost: number;
  readonly ends: readonly number[];
}

/** The cost of stages before, and of one more with this delay that ends with the step `last`. */
type Cost = (before: number, delay: number, last: Step) => number;

/** The cheapest plan for all steps, from the cheapest for each number of first steps and of stages. */
function cheapest(steps: readonly Step[], stages: number, cost: Cost): Plan {
  const impossible: Plan = { cost: Infinity, ends: [] };
  let plans: Plan[] = [{ cost: 0, ends: [] }, ...steps.map(() => impossible)];
  for (let stage = 0; stage < stages; stage++) {
    plans = plans.map((_, end) => {
      let best = impossible;
      let delay = 0;
      for (let start = end - 1; start >= 0; start--) {
        delay += steps[start]!.delay;
        const total = cost(plans[start]!.cost, delay, steps[end - 1]!);
        if (total < best.cost) best = { cost: total, ends: [...plans[start]!.ends, end] };
      }
      return best;
    });
  }
  return plans.at(-1)!;
}
