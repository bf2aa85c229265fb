/** A program in groups of instructions, and which of them are alike to the clock. */
import { QUEUES } from '../isa.table.ts';
import type { TimedProgram } from '../sim/timedProgram.ts';
import { COST_NUMBERS, type Costs } from '../sim/unitTiming.ts';

export interface Group {
  readonly start: number;
  readonly end: number;
  /** Instructions of each queue before its start. */
  readonly before: Int32Array;
  /** The same for groups that ask the same of the clock. */
  readonly kind: number;
  /** Whether another is of its kind; never for the last, with which the program ends. */
  readonly repeats: boolean;
}

/** The instructions from each of `starts` to the next; the first starts with the program. */
export function groupsOf(
  { queues }: TimedProgram,
  kinds: Int32Array,
  starts: readonly number[],
): Group[] {
  const numbers = new Map<string, number>();
  const counts: number[] = [];
  const before = new Int32Array(QUEUES.length);
  const groups = starts.map((start, i) => {
    const end = starts[i + 1] ?? kinds.length;
    const kind = numberOf(kinds.subarray(start, end).join(), numbers);
    counts[kind] = (counts[kind] ?? 0) + 1;
    const group = { start, end, before: before.slice(), kind };
    for (let index = start; index < end; index++) before[queues[index]!]!++;
    return group;
  });
  const repeats = ({ end, kind }: Omit<Group, 'repeats'>): boolean =>
    counts[kind]! > 1 && end < kinds.length;
  return groups.map((group) => ({ ...group, repeats: repeats(group) }));
}

/** For each instruction a number, the same for those that ask the same of the clock. */
export function kindsOf(program: TimedProgram, costs: Costs): Int32Array {
  const { queues, gathers, waits, signals, ports } = program;
  const numbers = new Map<string, number>();
  return Int32Array.from(queues, (queue, index) => {
    const cost = costs.subarray(index * COST_NUMBERS, (index + 1) * COST_NUMBERS).join();
    const held = ports.ports.subarray(ports.first[index], ports.first[index + 1]).join();
    const asked = `${queue},${gathers[index]},${waits[index]},${signals[index]}`;
    return numberOf(`${asked};${cost};${held}`, numbers);
  });
}

/** Numbers texts from 0 in the order they come. */
function numberOf(text: string, numbers: Map<string, number>): number {
  const number = numbers.get(text) ?? numbers.size;
  numbers.set(text, number);
  return number;
}
