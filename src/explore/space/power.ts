/**
 * Power of a chip with its memory while it serves.
 *
 *     logic    = Σ energy of a busy cycle of a part · its busy share · clock
 *     on-chip  = bytes a second · energy of a memory access
 *     outside  = bytes a second · energy of an access of that memory; null where nobody says it
 *     leakage  = of the cells, always
 *
 * An estimate from below, like the table of silicon: no wires, no clock tree, no glitches, no links, no
 * leakage of memories. What is not busy is taken as clock-gated.
 */
import type { Chip, Memory } from '../../chip/index.ts';
import { scaleRange, type Range } from '../range.ts';
import type { ChipSilicon } from './chipSilicon.ts';

/** What a chip does, averaged over time and over its cores. */
export interface ChipActivity {
  /** Share of cycles in which the multipliers work at full width, 0 to 1. */
  readonly matrix: number;
  readonly vector: number;
  /** In which the memory port transfers. */
  readonly memory: number;
  /** Of the whole chip to and from the memory outside. */
  readonly memoryBytesPerSecond: number;
}

/** Watts. */
export interface ChipPower {
  readonly logic: number;
  readonly onChipMemory: number;
  readonly leakage: number;
  /** Null where the energy of an access is not known, unless nothing is accessed. */
  readonly outsideMemory: Range | null;
  /** Null with it. */
  readonly total: number | null;
}

/** Bytes of the scratchpad that a byte transferred takes: it is written, and read by a unit. */
const SCRATCHPAD_ACCESSES = 2;
/** Bytes of an activation block, and of a sum. */
const [BLOCK_BYTES, SUM_BYTES] = [33, 4];

export function powerOf(
  chip: Chip,
  { silicon, busyPj, leakageWatts: leakage }: ChipSilicon,
  memory: Memory,
  activity: ChipActivity,
): ChipPower {
  const onChipBytes = onChipBytesPerSecond(chip, activity);
  const shares: Readonly<Record<string, number>> = {
    control: 1,
    matrix: activity.matrix,
    vector: activity.vector,
    dma: activity.memory,
    'local memory': Math.min(1, onChipBytes / (chip.cores * chip.clockHz * clientBytes(chip))),
  };
  const perCycle = Object.entries(busyPj).reduce(
    (sum, [part, picojoules]) => sum + picojoules * (shares[part] ?? 0),
    0,
  );
  const logic = perCycle * 1e-12 * chip.clockHz;
  const onChipMemory = onChipBytes * 8 * silicon.sram.accessPjPerBit * 1e-12;
  const outsideMemory = outsideWatts(memory, activity.memoryBytesPerSecond);
  const total = outsideMemory && logic + onChipMemory + leakage + outsideMemory.value;
  return { logic, onChipMemory, leakage, outsideMemory, total };
}

function outsideWatts({ picojoulesPerBit }: Memory, bytesPerSecond: number): Range | null {
  if (bytesPerSecond === 0) return { low: 0, value: 0, high: 0 };
  return picojoulesPerBit && scaleRange(picojoulesPerBit, bytesPerSecond * 8e-12);
}

/**
 * As `activityOf` of the target counts a run: a cycle of the multipliers reads a block and reads and
 * writes a sum for each column, one of the lanes reads or writes a word for each.
 */
function onChipBytesPerSecond(chip: Chip, activity: ChipActivity): number {
  const { cores, clockHz, matrix, vector } = chip;
  const matrixBytes = activity.matrix * (BLOCK_BYTES + 2 * SUM_BYTES * matrix.columns);
  const laneBytes = activity.vector * SUM_BYTES * vector.lanes;
  return (
    cores * clockHz * (matrixBytes + laneBytes) +
    SCRATCHPAD_ACCESSES * activity.memoryBytesPerSecond
  );
}

/** Bytes of all ports of the local memory of a core in a cycle, read and written. */
function clientBytes({ matrix, vector, memory }: Chip): number {
  const { columns, weightPortBytesPerCycle } = matrix;
  const reads =
    BLOCK_BYTES +
    weightPortBytesPerCycle +
    SUM_BYTES * (columns + vector.lanes) +
    memory.bytesPerCycle;
  const writes = SUM_BYTES * (columns + vector.lanes + 1) + memory.bytesPerCycle;
  return reads + writes;
}
