/**
 * Sections: rounds after one another in which all steps work row by row of the tokens, so that a thread does some rows of
 * all of them and waits for nobody in between. Products are among them where it costs less that each thread reads all of a weight
 * than that threads wait for one another: where rows are enough for all, and weights few.
 */
import { needsManyRows, sharedBytes, sharedParameters } from './kernels/cut.ts';
import type { KernelName } from './kernels/kernels.table.ts';
import { writes } from './rounds.ts';

/** A step; its arguments are numbers, names, and places in buffers. */
interface RoundStep {
  readonly kernel: KernelName;
  readonly round: number;
  /** Whether it has a row of the last token alone. */
  readonly isOfLast: boolean;
  readonly args: Readonly<Record<string, number | string | object>>;
}

/** Which rounds are of one section. */
export interface Sections {
  /** The number of a round's section, and whether all of its steps work row by row. */
  of(round: number): number;
  byRows(round: number): boolean;
  /** The first and the last round of the section of a round; Infinity stays. */
  firstRound(round: number): number;
  lastRound(round: number): number;
}

/**
 * Rows of a share that reads weights: to read them takes as long as the products of fewer, and tiles of more are as fast where
 * weights are read once for all.
 */
const ROWS_OF_SHARE = { least: 4, most: 8 };
/** Weights that the shares of a section may each read: about what the second cache of a core has. */
const MOST_SHARED_BYTES = 1 << 20;

/** Who works on the rows of a step. */
export interface Sharing {
  readonly rows: number;
  /** Threads that may each read all weights, for a share of the rows; 1 where they had better be read once for all. */
  readonly readers: number;
}

/** The sections of steps that are in the order of rounds, with so many tokens. */
export function sectionsOf(steps: readonly RoundStep[], { rows, readers }: Sharing): Sections {
  const { least, most } = ROWS_OF_SHARE;
  const areShared = readers > 1 && rows >= least * readers && rows <= most * readers;
  const firstRounds: number[] = [];
  const goByRows: boolean[] = [];
  const sectionOf: number[] = [];
  let written: Set<object> | undefined;
  let readBytes = 0;
  for (const round of Map.groupBy(steps, (step) => step.round).values()) {
    const bytes = round.reduce((sum, { kernel, args }) => sum + sharedBytes(kernel, args), 0);
    const isPossible = areShared || !round.some(({ kernel }) => needsManyRows(kernel));
    const goOn = (before: Set<object>, beforeBytes: number): boolean =>
      isPossible &&
      beforeBytes + bytes <= MOST_SHARED_BYTES &&
      round.every((step) => goesOn(step, rows, before));
    if (written !== undefined && goOn(written, readBytes)) readBytes += bytes;
    else {
      firstRounds.push(round[0]!.round);
      written = goOn(new Set(), 0) ? new Set() : undefined;
      goByRows.push(written !== undefined);
      readBytes = bytes;
    }
    sectionOf[round[0]!.round] = firstRounds.length - 1;
    for (const step of round) for (const buffer of writtenBy(step)) written?.add(buffer);
  }
  const of = (round: number): number => sectionOf[round] ?? firstRounds.length - 1;
  return {
    of,
    byRows: (round) => goByRows[of(round)]!,
    firstRound: (round) => firstRounds[of(round)] ?? round,
    lastRound: (round) =>
      round === Infinity ? round : (firstRounds[of(round) + 1] ?? round + 1) - 1,
  };
}

/** Whether a row of a step needs only the same row of what is in `written`. */
function goesOn(
  { kernel, args, isOfLast }: RoundStep,
  rows: number,
  written: Set<object>,
): boolean {
  if (isOfLast) return false;
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
