/**
 * Sections: rounds after one another in which all steps work row by row of the tokens, so that a thread does some rows of
 * all of them and waits for nobody in between.
 */
import { sharedParameters } from './kernels/cut.ts';
import { type KernelName } from './kernels/kernels.table.ts';
import { writes } from './rounds.ts';

/** A step; its arguments are numbers, names, and places in buffers. */
interface RoundStep {
  readonly kernel: KernelName;
  readonly round: number;
  readonly args: Readonly<Record<string, number | string | object>>;
}

/** Which rounds are of one section. */
export interface Sections {
  /** The number of a round's section. */
  of(round: number): number;
  /** The first and the last round of the section of a round; Infinity stays. */
  firstRound(round: number): number;
  lastRound(round: number): number;
}

/** The sections of steps that are in the order of rounds, with `rows` tokens. */
export function sectionsOf(steps: readonly RoundStep[], rows: number): Sections {
  const firstRounds: number[] = [];
  let written: Set<object> | undefined;
  for (const round of Map.groupBy(steps, (step) => step.round).values()) {
    const isJoined = written !== undefined && round.every((step) => goesOn(step, rows, written!));
    if (!isJoined) {
      firstRounds.push(round[0]!.round);
      written = round.every((step) => goesOn(step, rows, new Set())) ? new Set() : undefined;
    }
    for (const step of round) for (const buffer of writtenBy(step)) written?.add(buffer);
  }
  const of = (round: number): number => firstRounds.findLastIndex((first) => first <= round);
  return {
    of,
    firstRound: (round) => firstRounds[of(round)] ?? round,
    lastRound: (round) =>
      round === Infinity ? round : (firstRounds[of(round) + 1] ?? round + 1) - 1,
  };
}

/** Whether a row of a step needs only the same row of what is in `written`. */
function goesOn({ kernel, args }: RoundStep, rows: number, written: Set<object>): boolean {
  const shared = sharedParameters(kernel, args, rows);
  if (shared === undefined) return false;
  return Object.entries(args).every(([name, argument]) => {
    const buffer = bufferOf(argument);
    return shared.includes(name) || buffer === undefined || !written.has(buffer);
  });
}

function writtenBy({ kernel, args }: RoundStep): readonly object[] {
  return Object.entries(args).flatMap(([name, argument]) => {
    const buffer = writes(kernel, name) ? bufferOf(argument) : undefined;
    return buffer === undefined ? [] : [buffer];
  });
}

function bufferOf(argument: number | string | object): object | undefined {
  return typeof argument === 'object' && 'buffer' in argument
    ? (argument.buffer as object)
    : undefined;
}
