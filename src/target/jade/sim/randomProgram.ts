/**
 * Random legal programs, for tests of the simulator and of the hardware against it: instructions of
 * randomInstruction.ts, their semaphores, and the memory and positions they start from.
 */
import type { Random } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import { insertSemaphores } from '../emit/semaphores.ts';
import {
  FORMAT_CODES,
  ISA,
  NONE,
  type FieldsOf,
  type Instruction,
  type Opcode,
} from '../isa.table.ts';
import type { ByteRange } from './access.ts';
import { memoriesOf } from './banks.ts';
import { readsSumsInFlight } from './checkProgram.ts';
import { InstructionDraw, MAX_POSITION, plain } from './randomInstruction.ts';
import { memoryBytesOf } from './randomRows.ts';
import { SEQUENCES } from './state.ts';

export interface RandomProgramOptions {
  /** Instructions drawn. */
  readonly length: number;
  /** What is drawn from; all when absent. */
  readonly opcodes?: readonly Opcode[];
  /** Begin with instructions that fill the chip's memories from `memory`; none when absent. */
  readonly prologue?: Prologue;
}

/** By transfers alone the accumulators stay as they are: only the vector unit can write them all. */
export type Prologue = 'all memories' | 'by transfers';

export interface RandomProgram {
  /** With semaphores for all dependencies. */
  readonly program: readonly Instruction[];
  /** The external memory at the start. */
  readonly memory: Uint8Array;
  /** The position registers, none above `MAX_POSITION`. */
  readonly positions: Int32Array;
}

/** A program, and the memory and positions it starts from. The same stream gives the same program. */
export function randomProgram(
  random: Random,
  chip: Chip,
  options: RandomProgramOptions,
): RandomProgram {
  const memory = randomBytes(random, memoryBytesOf(chip));
  const positions = new Int32Array(SEQUENCES);
  positions.forEach((_, i) => (positions[i] = random.int(MAX_POSITION + 1)));
  const draw = new InstructionDraw(random, chip);
  const opcodes = options.opcodes ?? (Object.keys(ISA) as Opcode[]);
  const drawn = Array.from({ length: options.length }, () =>
    draw.instruction(opcodes[random.int(opcodes.length)]!),
  );
  const { prologue } = options;
  const code = prologue === undefined ? drawn : [...prologueOf(chip, prologue), ...drawn];
  const labelled = withSumsApart(code).map((instruction) => ({ instruction, label: '' }));
  const program = insertSemaphores(labelled, MAX_POSITION).map(({ instruction }) => instruction);
  return { program, memory, positions };
}

/** A matmul that would add to sums the one before it still works on, begins new ones instead. */
export function withSumsApart(program: readonly Instruction[]): Instruction[] {
  let before: Instruction | undefined;
  return program.map((instruction) => {
    if (instruction.op !== 'matmul') return instruction;
    const meets = before !== undefined && readsSumsInFlight(instruction, before);
    before = instruction;
    return meets
      ? { ...instruction, fields: { ...instruction.fields, accumulate: 0 } }
      : instruction;
  });
}

/** Bytes of all kinds; among them small integers, so that lists and counts are often sensible, and f32 near 1. */
export function randomBytes(random: Random, sizeBytes: number): Uint8Array {
  const words = new Uint32Array(sizeBytes / 4);
  const floats = new Float32Array(words.buffer);
  words.forEach((_, i) => {
    const kind = random.int(4);
    if (kind === 0) words[i] = random.int(6);
    else if (kind === 1) floats[i] = random.float() * 8 - 4;
    else words[i] = random.uint32();
  });
  return new Uint8Array(words.buffer);
}

/**
 * Fills scratchpad and control memory from memory, and the accumulators from the scratchpad. The last load
 * waits for the one before it, so the next load may test what the first has brought.
 */
export function prologueOf(chip: Chip, prologue: Prologue): Instruction[] {
  const { scratchpad, accumulators, 'control memory': control } = memoriesOf(chip);
  const bytes = accumulators.end - accumulators.start;
  const columns = Math.min(1024, bytes / 4);
  const rows = { a: 0, aStride: 4, aInner: 0, rows: bytes / (4 * columns), inner: 1, columns };
  const d = { d: accumulators.start, dStride: 4 * columns, dInner: 0, dFormat: FORMAT_CODES.f32 };
  const formats = { group: 0, rowCount: NONE, aFormat: FORMAT_CODES.f32 };
  const copy: FieldsOf<'copy'> = { ...rows, ...d, ...formats };
  const again = { start: 0, end: 4 * columns };
  const loads = [fill(control, chip), fill(scratchpad, chip)];
  const reader = prologue === 'by transfers' ? save(again) : plain('copy', copy);
  return [...loads, reader, fill(again, chip)];
}

/** Of a transfer that no position moves. */
const AT_REST = { positionStride: 0, sequence: 0, positionShift: 0, positionOffset: 0 } as const;

/** Stores a range to the start of the memory. */
function save({ start, end }: ByteRange): Instruction {
  const bytes = { memory: 0, local: start, rowBytes: end - start, rows: 1, planes: 1 };
  const strides = { memoryStride: 0, localStride: 0, memoryPlaneStride: 0, localPlaneStride: 0 };
  return plain('store', { ...bytes, ...strides, ...AT_REST });
}

/** Loads a whole memory, in rows from overlapping places. */
function fill({ start, end }: ByteRange, chip: Chip): Instruction {
  const rowBytes = Math.min(4096, end - start);
  const rows = (end - start) / rowBytes;
  const memoryStride = Math.floor((memoryBytesOf(chip) - rowBytes) / rows / 4) * 4;
  return plain('load', {
    memory: 0,
    local: start,
    ...{ rowBytes, rows, memoryStride, localStride: rowBytes },
    ...{ planes: 1, memoryPlaneStride: 0, localPlaneStride: 0 },
    ...AT_REST,
    unless: NONE,
  });
}
