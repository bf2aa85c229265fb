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

interface Plan {
  readonly slowest: number;
  /** For each stage the number of steps up to its end. */
  readonly ends: readonly number[];
}

/** The steps after which a register goes, one for each of `stages`, so that the largest sum is smallest. */
export function balanceStages(delays: readonly number[], stages: number): readonly number[] {
  let plans: (Plan | undefined)[] = [{ slowest: 0, ends: [] }, ...delays.map(() => undefined)];
  for (let stage = 0; stage < stages; stage++) {
    plans = plans.map((_, end) => bestOf(plans.slice(0, end), delays, end));
  }
  return plans.at(-1)?.ends ?? []; // none if there is no stage
}

/** The best plan that adds a last stage up to `end` to one of the plans, each for as many steps as its index. */
function bestOf(
  plans: readonly (Plan | undefined)[],
  delays: readonly number[],
  end: number,
): Plan | undefined {
  let best: Plan | undefined;
  let last = 0;
  for (let start = end - 1; start >= 0; start--) {
    last += delays[start]!;
    const before = plans[start];
    if (before === undefined) continue;
    const slowest = Math.max(before.slowest, last);
    if (best === undefined || slowest < best.slowest) {
      best = { slowest, ends: [...before.ends, end] };
    }
  }
  return best;
}
