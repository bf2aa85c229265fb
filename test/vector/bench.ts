/** The vector unit with a memory that answers as the chip's does: three cycles after a request. */
import type { Random } from '../../src/base/index.ts';
import type { Chip } from '../../src/chip/index.ts';
import { CycleSimulator } from '../../src/hdl/index.ts';
import { ISA, NONE, type Fields, type Opcode } from '../../src/target/jade/isa.table.ts';
import { bitsOf } from '../../src/target/jade/vector/laneOperations.ts';
import type { ChipState } from '../../src/target/jade/sim/state.ts';
import { portOfField, vectorUnit } from '../../src/target/jade/rtl/vector/vectorUnit.ts';
import { VECTOR_FIELD_NAMES } from '../../src/target/jade/rtl/vector/plan.ts';

const ANSWER_CYCLES = 3;
const MOST_CYCLES = 100_000;

export interface Outcome {
  /** From the start to the end. */
  readonly cycles: number;
  readonly fault: boolean;
}

export type PortValues = Readonly<Record<string, bigint | number>>;

/** Something that runs the unit a cycle: inputs in, outputs before the edge out. */
export type StepUnit = (inputs: PortValues) => Readonly<Record<string, bigint>>;

export function simulatedUnit(chip: Chip, addressBits: number): StepUnit {
  const simulator = new CycleSimulator(vectorUnit(chip, addressBits));
  simulator.reset();
  return (inputs) => simulator.step(inputs) as Readonly<Record<string, bigint>>;
}

/** The ports of an instruction; those of fields that it does not have hold anything. */
export function instructionPorts(random: Random, op: Opcode, fields: Fields): PortValues {
  const kinds = new Map(ISA[op].fields.map(({ name, kind }): [string, string] => [name, kind]));
  const ports = VECTOR_FIELD_NAMES.map((name) => {
    const value = fields[name] ?? random.uint32();
    return [portOfField(name), kinds.get(name) === 'f32' ? bitsOf(value) : value];
  });
  return { opcode: ISA[op].opcode, ...Object.fromEntries(ports) };
}

/** A memory behind the ports of the unit: changes `state` as the unit writes. */
export class MemoryModel {
  readonly #state: ChipState;
  readonly #random: Random;
  readonly #answers: PortValues[] = [];
  readonly #readBytes: number;
  fault = false;

  constructor(state: ChipState, random: Random, lanes: number) {
    this.#state = state;
    this.#random = random;
    this.#readBytes = 4 * lanes;
  }

  /** What was asked for three cycles ago. */
  answers(): PortValues {
    return this.#answers.length < ANSWER_CYCLES ? {} : this.#answers.shift()!;
  }

  /** Takes the requests of a cycle. */
  take(outputs: Readonly<Record<string, bigint>>): void {
    const number = (port: string): number => Number(outputs[port]);
    const { positions, localU32, local } = this.#state;
    this.#answers.push({
      readData: this.#read(outputs),
      controlData: number('controlValid')
        ? localU32[number('controlAddress') / 4]!
        : this.#random.uint32(),
      position: positions[number('positionIndex')]!,
    });
    if (number('writeValid')) {
      const bytes = bytesOf(outputs['writeData']!, this.#readBytes);
      local.set(bytes.subarray(0, number('writeBytes')), number('writeAddress'));
    }
    if (number('controlWriteValid')) {
      localU32[number('controlWriteAddress') / 4] = number('controlWriteData');
    }
    this.fault ||= number('fault') === 1;
  }

  /** The bytes that are needed; anything after them. */
  #read(outputs: Readonly<Record<string, bigint>>): bigint {
    const window = Uint8Array.from({ length: this.#readBytes }, () => this.#random.int(256));
    if (outputs['readValid'] === 0n) return toBits(window);
    const [address, count] = [Number(outputs['readAddress']), Number(outputs['readBytes'])];
    window.set(this.#state.local.subarray(address, address + count));
    return toBits(window);
  }
}

function bytesOf(bits: bigint, count: number): Uint8Array {
  const text = bits.toString(16).padStart(2 * count, '0');
  return Uint8Array.from({ length: count }, (_, i) => {
    const at = text.length - 2 * (i + 1);
    return parseInt(text.slice(at, at + 2), 16);
  });
}

function toBits(bytes: Uint8Array): bigint {
  const text = Array.from(bytes.toReversed(), (byte) => byte.toString(16).padStart(2, '0'));
  return BigInt(`0x${text.join('')}`);
}

/** The real number of rows of an instruction. */
export function realRows(fields: Fields, { localI32 }: ChipState): number {
  const pointer = fields['rowCount'] ?? NONE;
  if (pointer === NONE) return fields['rows']!;
  return Math.min(Math.max(localI32[pointer / 4]!, 0), fields['rows']!);
}

/** Runs one instruction on an idle unit; `state` is then what the unit made of it. */
export function runInstruction(
  step: StepUnit,
  state: ChipState,
  op: Opcode,
  fields: Fields,
  random: Random,
): Outcome {
  const memory = new MemoryModel(state, random, state.chip.vector.lanes);
  const ports = instructionPorts(random, op, fields);
  for (let cycle = 0; cycle < MOST_CYCLES; cycle++) {
    const first = cycle === 0 ? { ...ports, start: 1 } : { start: 0 };
    const outputs = step({ ...first, ...memory.answers() });
    memory.take(outputs);
    if (outputs['retire'] === 1n) return { cycles: cycle, fault: memory.fault };
  }
  throw new Error(`${op}: must end within ${MOST_CYCLES} cycles`);
}
