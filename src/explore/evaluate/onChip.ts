/**
 * How many rows of a step a chip holds: sequences that write, or tokens of a prompt.
 *
 * The compiler's answer takes seconds a chip. Here the values of a model in small, all kinds of its layers
 * once, are scheduled for two scratchpads and two numbers of rows: what lives together in each region grows
 * in proportion to both. A chip holds as many rows as leave its regions that size, with room for one
 * more of the largest buffers for what cannot lie close. Sufficient, not necessary: a test compares with
 * the compiler.
 */
import { CapacityError, ChipError } from '../../base/index.ts';
import { loadChip, windowBytes, type Chip } from '../../chip/index.ts';
import { planMemory, type PlannedBuffer } from '../../compile/index.ts';
import type { Dims } from '../../ir/index.ts';
import { jadeTarget, MAX_STEP_ROWS, regionsOf } from '../../target/jade/index.ts';
import type { Rank } from './rank.ts';

/** What a step of so many rows looks like. */
export type StepOfRows = (rows: number) => Dims;

/** Bytes that live together in a region, and of its largest buffer. */
interface Room {
  readonly peak: number;
  readonly largest: number;
}

interface Rooms {
  readonly regions: ReadonlyMap<string, Room>;
  /** Of accumulators: what the scores of a token take. */
  readonly bankBytes: number;
}

/** Where the demand is measured: it grows with rows, and what is cut in pieces with the scratchpad. */
const [FEW, MANY] = [4, 8];
const [SMALL_BYTES, LARGE_BYTES] = [2 ** 21, 2 ** 23];

const SERVER = loadChip('jade-server');

/** The widest array has the largest tiles; accumulators are the least that hold scores. */
const WIDE: Chip = {
  ...SERVER,
  matrix: { ...SERVER.matrix, columns: 256, weightPortBytesPerCycle: 4096 },
};
const LEAST_BANK_BYTES = 2 ** 14;
const MOST_BANK_BYTES = 2 ** 24;

/** Regions whose bytes may lie anywhere; the rings of weights share what these leave. */
const VALUES = ['operands', 'constants', 'tensors'] as const;
const RINGS = ['stream', 'context'] as const;

export class RowsOnChip {
  private readonly small: Rank;
  private readonly dimsOf: StepOfRows;
  private readonly few: Rooms;
  private readonly many: Rooms;
  private readonly large: Rooms;
  private readonly known = new Map<string, number>();

  /** `small` has all kinds of layers of the model, a few times at most. */
  constructor(small: Rank, dimsOf: StepOfRows) {
    this.small = small;
    this.dimsOf = dimsOf;
    this.few = roomsOf(small, dimsOf(FEW), SMALL_BYTES);
    this.many = roomsOf(small, dimsOf(MANY), SMALL_BYTES);
    this.large = roomsOf(small, dimsOf(MANY), LARGE_BYTES);
  }

  /** The largest power of two of rows; 0 when not even one fits. */
  most(chip: Chip): number {
    const { scratchpad, accumulator, control, matrix } = chip;
    const sizes = [scratchpad, accumulator, control, matrix.columns, windowBytes(chip)];
    return this.known.getOrInsertComputed(JSON.stringify(sizes), () => {
      let rows = MAX_STEP_ROWS;
      while (rows >= 1 && !this.fits(chip, rows)) rows /= 2;
      if (rows >= 1) return rows;
      return scratchpad.sizeBytes < SMALL_BYTES ? this.mostByCompiler(chip) : 0;
    });
  }

  /** The compiler's own answer, on chips smaller than those that the rule was measured on. */
  private mostByCompiler(chip: Chip): number {
    let rows = 1;
    while (rows <= MAX_STEP_ROWS && isPlaced(chip, this.small, this.dimsOf(rows))) rows *= 2;
    return rows === 1 ? 0 : rows / 2;
  }

  private fits(chip: Chip, rows: number): boolean {
    const { sizeBytes } = chip.scratchpad;
    const room = (name: string): Room => this.roomAt(name, rows, sizeBytes);
    const bankBytes = chip.accumulator.sizeBytes / chip.accumulator.banks;
    if (bankBytes < this.few.bankBytes) return false;
    if (room('control').peak > chip.control.sizeBytes) return false;
    if (room('accumulator').peak > chip.accumulator.sizeBytes) return false;
    const value = (name: string): PlannedBuffer => {
      const { peak, largest } = room(name);
      return { name, region: name, sizeBytes: peak + largest, first: 0, last: 0 };
    };
    const ring = (name: string): PlannedBuffer => ({
      ...{ name, region: name, sizeBytes: room(name).largest },
      ...{ first: 0, last: 0 },
    });
    const buffers = [...VALUES.map(value), ...RINGS.map(ring)];
    const regions = regionsOf(chip, buffers);
    try {
      planMemory(buffers, regions);
    } catch (error) {
      if (error instanceof CapacityError) return false;
      throw error;
    }
    return RINGS.every((name) => {
      const { peak, largest } = room(name);
      return regions.find((region) => region.name === name)!.sizeBytes >= peak + largest;
    });
  }

  private roomAt(name: string, rows: number, scratchpadBytes: number): Room {
    const [few, many, large] = [this.few, this.many, this.large].map(
      ({ regions }) => regions.get(name) ?? NO_ROOM,
    ) as [Room, Room, Room];
    const at = (part: keyof Room): number => {
      const byRow = Math.max(0, many[part] - few[part]) / (MANY - FEW);
      const byByte = Math.max(0, large[part] - many[part]) / (LARGE_BYTES - SMALL_BYTES);
      const pieces = byByte * (scratchpadBytes - SMALL_BYTES);
      return Math.max(0, few[part] + byRow * (rows - FEW) + pieces);
    };
    return { peak: at('peak'), largest: at('largest') };
  }
}

const NO_ROOM: Room = { peak: 0, largest: 0 };

function roomsOf(small: Rank, dims: Dims, scratchpadBytes: number): Rooms {
  for (let bankBytes = LEAST_BANK_BYTES; ; bankBytes *= 2) {
    const { banks } = WIDE.accumulator;
    const chip: Chip = {
      ...WIDE,
      accumulator: { sizeBytes: bankBytes * banks, banks },
      scratchpad: { sizeBytes: scratchpadBytes, banks: 16 },
    };
    try {
      const groups = Map.groupBy(buffersOn(chip, small, dims), ({ region }) => region);
      return { regions: new Map([...groups].map(([name, own]) => [name, roomOf(own)])), bankBytes };
    } catch (error) {
      if (!(error instanceof CapacityError) || bankBytes >= MOST_BANK_BYTES) throw error;
    }
  }
}

/** Whether the compiler finds room for a step on `chip`. */
function isPlaced(chip: Chip, { graph, kernels }: Rank, dims: Dims): boolean {
  try {
    const target = jadeTarget(chip, { contextTokens: dims.S, batch: dims.B });
    const { buffers, regions } = target.schedule(kernels, graph, dims);
    planMemory(buffers, regions);
    return true;
  } catch (error) {
    if (error instanceof CapacityError || error instanceof ChipError) return false;
    throw error;
  }
}

function buffersOn(chip: Chip, { graph, kernels }: Rank, dims: Dims): readonly PlannedBuffer[] {
  const target = jadeTarget(chip, { contextTokens: dims.S, batch: dims.B });
  return target.schedule(kernels, graph, dims).buffers;
}

function roomOf(buffers: readonly PlannedBuffer[]): Room {
  const changes = buffers.flatMap(({ first, last, sizeBytes }) => [
    { step: first, bytes: sizeBytes },
    { step: last + 1, bytes: -sizeBytes },
  ]);
  changes.sort((a, b) => a.step - b.step || a.bytes - b.bytes);
  let [live, peak, largest] = [0, 0, 0];
  for (const { bytes } of changes) {
    live += bytes;
    peak = Math.max(peak, live);
    largest = Math.max(largest, bytes);
  }
  return { peak, largest };
}
