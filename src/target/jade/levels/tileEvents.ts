/**
 * L1: tile events. The simulator's own clock runs the program without values, so its cycles are those of
 * the simulator (L2) wherever the numbers of rows are the same.
 *
 * Rows are data only in a mixture of experts, where they come from the router. Here they come from an
 * assumption: each expert has the rows that `ExpertRows` says, `balanced` unless told otherwise. A list by
 * itself, of rows that a token attends to, is as long as it may be.
 */
import { UsageError } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import { NONE, type FieldsOf, type Instruction } from '../isa.table.ts';
import { TimedProgram } from '../sim/timedProgram.ts';
import { Timing } from '../sim/timing.ts';
import { groupsOf, kindsOf, type Group } from './groups.ts';
import { RepeatingRun } from './repeats.ts';

/** One mixture of experts of a program: `rows` tokens, each of which chooses `topK` of `experts`. */
export interface Mixture {
  /** Its number in the program, from 0. */
  readonly layer: number;
  readonly rows: number;
  readonly experts: number;
  readonly topK: number;
}

/** Rows of an expert, from 0 to `rows` of its mixture. */
export type ExpertRows = (expert: number, mixture: Mixture) => number;

/** All experts are chosen equally often; those that are once more stand in equal distances. */
export const balanced: ExpertRows = (expert, { rows, experts, topK }) => {
  const before = (count: number): number => Math.floor((count * rows * topK) / experts);
  return before(expert + 1) - before(expert);
};

/** A program on its clock, with the rows of each instruction; made once, run as often as one likes. */
export interface TileProgram {
  readonly timing: Timing;
  /** Cut where an expert begins; none when no group comes again. */
  readonly groups: readonly Group[];
  readonly kinds: Int32Array;
}

export interface TileTimes {
  readonly cycles: number;
  /** By queue, in the order of QUEUES. */
  readonly busyCycles: readonly number[];
  readonly memoryBusyCycles: number;
}

export function tileProgram(
  chip: Chip,
  instructions: readonly Instruction[],
  expertRows: ExpertRows = balanced,
): TileProgram {
  const timed = new TimedProgram(chip, instructions);
  const timing = new Timing(timed);
  rowsOf(instructions, expertRows).forEach((rows, index) => timing.setRows(index, rows));
  const kinds = kindsOf(timed, timing.costs);
  const groups = groupsOf(timed, kinds, startsOf(instructions));
  return { timing, kinds, groups: groups.some(({ repeats }) => repeats) ? groups : [] };
}

/**
 * The first instruction of each expert: the instructions of several stand between each other, in an
 * order that soon repeats from expert to expert.
 */
function startsOf(instructions: readonly Instruction[]): number[] {
  const starts = [0];
  let known = new Set<number>();
  instructions.forEach((instruction, index) => {
    if (instruction.op === 'dispatch') known = new Set();
    const count = countAddress(instruction);
    if (count === undefined || known.has(count)) return;
    known.add(count);
    if (index > 0) starts.push(index);
  });
  return starts;
}

export function runTileEvents({ timing, groups, kinds }: TileProgram): TileTimes {
  if (groups.length > 0) {
    new RepeatingRun(timing, kinds).run(groups);
  } else {
    timing.reset();
    while (timing.take()) timing.commit();
  }
  timing.requireEnd();
  const { cycles, busyCycles, channelBusyCycles } = timing;
  return { cycles, busyCycles: [...busyCycles], memoryBusyCycles: channelBusyCycles };
}

/** Rows of each instruction; 0 for a load that is skipped. */
export function rowsOf(instructions: readonly Instruction[], expertRows: ExpertRows): Int32Array {
  const rows = new Int32Array(instructions.length);
  let topK = 0;
  let layer = -1;
  const counts = new Map<number, number>();
  instructions.forEach((instruction, index) => {
    const { op, fields } = instruction;
    if (op === 'route') topK = fields['topK']!;
    if (op === 'dispatch') {
      const { rows: most, columns: experts, d } = fields as FieldsOf<'dispatch'>;
      if (experts === 1) counts.set(d, most);
      else setCounts(counts, { layer: ++layer, rows: most, experts, topK }, d, expertRows);
    }
    const count = countBehind(instruction, counts, index);
    const most = fields['rows']!;
    rows[index] = op === 'load' ? (count === 0 ? 0 : most) : Math.min(count ?? most, most);
  });
  return rows;
}

/** Sets the rows of each expert, by the address of its count. */
function setCounts(
  counts: Map<number, number>,
  mixture: Mixture,
  address: number,
  expertRows: ExpertRows,
): void {
  for (let expert = 0; expert < mixture.experts; expert++)
    counts.set(address + expert * 4, expertRows(expert, mixture));
}

/** Where the count of rows is that an instruction reads; undefined when it reads none. */
function countAddress({ op, fields }: Instruction): number | undefined {
  const pointer = op === 'load' ? fields['unless'] : fields['rowCount'];
  return pointer === NONE ? undefined : pointer;
}

/** The count an instruction reads; undefined when it reads none. */
function countBehind(
  instruction: Instruction,
  counts: ReadonlyMap<number, number>,
  index: number,
): number | undefined {
  const pointer = countAddress(instruction);
  if (pointer === undefined) return undefined;
  const count = counts.get(pointer);
  if (count !== undefined) return count;
  throw new UsageError('tile events know rows only from the dispatch before an instruction', {
    where: `instruction ${index} (${instruction.op}) reads its rows at ${pointer}`,
  });
}
