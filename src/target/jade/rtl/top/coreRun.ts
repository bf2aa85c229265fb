/** Runs a program on the core in the cycle simulator: what it leaves in the memories, and when. */
import type { Chip } from '../../../../chip/index.ts';
import { CycleSimulator, type Module } from '../../../../hdl/index.ts';
import { encode, INSTRUCTION_BYTES } from '../../encode.ts';
import { QUEUES, queueOf, type Instruction } from '../../isa.table.ts';
import { localBytesOf } from '../../sim/banks.ts';
import type { Course } from '../../sim/simulator.ts';
import { memoryShape } from '../memory/memoryShape.ts';
import { IdealMemory, type MemoryOutputs } from './idealMemory.ts';

export interface CoreRun {
  /** When each instruction starts and retires, in program order, counted from the first dispatch. */
  readonly courses: readonly Course[];
  readonly memory: Uint8Array;
  readonly local: Uint8Array;
  readonly fault: boolean;
}

export type Core = CycleSimulator<Record<string, number>, Record<string, number>>;

/** Runs until all is idle; `watch` sees the core before its first cycle. Throws if it takes more than `limit` cycles. */
export function runCore(
  module: Module,
  chip: Chip,
  program: readonly Instruction[],
  start: { readonly memory: Uint8Array; readonly positions: Int32Array },
  limit: number,
  watch?: (core: Core) => void,
): CoreRun {
  const core: Core = new CycleSimulator(module);
  watch?.(core);
  core.reset();
  for (const [index, position] of start.positions.entries())
    core.step({ positionWrite: 1, positionIndex: index, positionData: position });
  core.step({ positionWrite: 0, clearFault: 1 });
  core.step({ clearFault: 0 });
  const memory = new IdealMemory(chip, start.memory.slice());
  const words = encodedWords(program, chip);
  const seen = QUEUES.map(() => ({ starts: [] as number[], ends: [] as number[] }));
  let [next, outputs] = [0, core.step()];
  for (let cycle = 0; next < words.length || outputs['idle'] === 0n || cycle === 0; cycle++) {
    if (cycle > limit) throw new Error(`a program must end within ${limit} cycles`);
    const instruction = words[next] ?? 0n;
    const offered = { valid: Number(next < words.length), instruction };
    outputs = core.step({ ...offered, ...memory.inputs(cycle) });
    memory.outputs(cycle, outputs as unknown as MemoryOutputs);
    if (offered.valid === 1 && outputs['ready'] === 1n) next++;
    for (const [i, queue] of QUEUES.entries()) {
      if (outputs[`${queue}Start`] === 1n) seen[i]!.starts.push(cycle);
      if (outputs[`${queue}Retire`] === 1n) seen[i]!.ends.push(cycle);
    }
  }
  const courses = inProgramOrder(program, seen);
  return {
    courses,
    memory: memory.bytes,
    local: localBytes(core, chip),
    fault: outputs['fault'] === 1n,
  };
}

function encodedWords(program: readonly Instruction[], chip: Chip): bigint[] {
  const bytes = encode(program, chip);
  return program.map((_, i) => {
    const words = bytes.subarray(i * INSTRUCTION_BYTES, (i + 1) * INSTRUCTION_BYTES);
    return words.reduceRight((all, byte) => (all << 8n) | BigInt(byte), 0n);
  });
}

function inProgramOrder(
  program: readonly Instruction[],
  seen: readonly { readonly starts: readonly number[]; readonly ends: readonly number[] }[],
): Course[] {
  const taken = QUEUES.map(() => 0);
  return program.map(({ op }) => {
    const queue = QUEUES.indexOf(queueOf(op));
    const place = taken[queue]!++;
    return { start: seen[queue]!.starts[place]!, end: seen[queue]!.ends[place]! };
  });
}

/** The scratchpad, the accumulators and the control memory, read out of the banks. */
function localBytes(core: Core, chip: Chip): Uint8Array {
  const { regions, wordBytes } = memoryShape(chip);
  const local = new Uint8Array(localBytesOf(chip));
  let at = 0;
  for (const { name, banks, linesOfBank } of regions) {
    for (let bank = 0; bank < banks; bank++) {
      const path = name === 'control' ? 'load_control_copy' : `${name}${bank}`;
      for (let word = 0; word < 2 * linesOfBank; word++, at += wordBytes) {
        const parity = word % 2 === 0 ? 'even' : 'odd';
        const value = core.readMemory(`local_memory.${path}.${parity}`, word >> 1);
        for (let i = 0; i < wordBytes; i++)
          local[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
      }
    }
  }
  return local;
}
