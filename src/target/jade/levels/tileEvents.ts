/**
 * L1: tile events. The simulator's own clock runs the program without values, so its cycles are those of
 * the simulator (L2) wherever the numbers of rows are the same.
 *
 * Rows are data only in a mixture of experts, where they come from the router. Here they come from an
 * assumption: each expert has the rows that `ExpertRows` says, `balanced` unless told otherwise.
 */
import { UsageError } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import { NONE, type Instruction } from '../isa.table.ts';
import { TimedProgram } from '../sim/timedProgram.ts';
import { Timing } from '../sim/timing.ts';

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
  const timing = new Timing(new TimedProgram(chip, instructions));
  rowsOf(instructions, expertRows).forEach((rows, index) => timing.setRows(index, rows));
  return { timing };
}

export function runTileEvents({ timing }: TileProgram): TileTimes {
  timing.reset();
  while (timing.take()) timing.commit();
  timing.requireEnd();
  const { cycles, busyCycles, channelBusyCycles } = timing;
  return { cycles, busyCycles: [...busyCycles], memoryBusyCycles: channelBusyCycles };
}

/** Rows of each instruction; 0 for a load that is skipped. */
function rowsOf(instructions: readonly Instruction[], expertRows: ExpertRows): Int32Array {
  const rows = new Int32Array(instructions.length);
  let topK = 0;
  let layer = -1;
  let counts: ReadonlyMap<number, number> = new Map();
  instructions.forEach(({ op, fields }, index) => {
    if (op === 'route') topK = fields['topK']!;
    if (op === 'dispatch') {
      layer++;
      const mixture = { layer, rows: fields['rows']!, experts: fields['columns']!, topK };
      counts = countsOf(mixture, fields['d']!, expertRows);
    }
    const count = countBehind({ op, fields }, counts, index);
    const most = fields['rows']!;
    rows[index] = op === 'load' ? (count === 0 ? 0 : most) : Math.min(count ?? most, most);
  });
  return rows;
}

/** The rows of each expert, by the address of its count. */
function countsOf(
  mixture: Mixture,
  address: number,
  expertRows: ExpertRows,
): ReadonlyMap<number, number> {
  const experts = Array.from({ length: mixture.experts }, (_, expert) => expert);
  return new Map(experts.map((e) => [address + e * 4, expertRows(e, mixture)]));
}

/** The count an instruction reads; undefined when it reads none. */
function countBehind(
  { op, fields }: Pick<Instruction, 'op' | 'fields'>,
  counts: ReadonlyMap<number, number>,
  index: number,
): number | undefined {
  const pointer = op === 'load' ? fields['unless'] : fields['rowCount'];
  if (pointer === undefined || pointer === NONE) return undefined;
  const count = counts.get(pointer);
  if (count !== undefined) return count;
  throw new UsageError('tile events know rows only from the dispatch before an instruction', {
    where: `instruction ${index} (${op}) reads its rows at ${pointer}`,
  });
}
