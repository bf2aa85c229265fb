/** Random programs as a script: what the simulator does with them, for the test bench to compare. */
import { Random } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import type { HostObserver } from '../device.ts';
import { insertSemaphores } from '../emit/semaphores.ts';
import { ISA, QUEUES, queueOf, type Instruction, type Opcode } from '../isa.table.ts';
import { MAX_POSITION } from '../sim/randomInstruction.ts';
import { randomProgram, withSumsApart, type RandomProgram } from '../sim/randomProgram.ts';
import { createSimulator } from '../sim/simulator.ts';

/** Runs one program in the simulator, as a host would, for `observer`; it fills the chip's memories itself. */
export function runProgram(chip: Chip, one: RandomProgram, observer: HostObserver): void {
  const { program, memory, positions } = one;
  const simulator = createSimulator(chip, memory.length);
  simulator.memory.set(memory);
  simulator.positions.set(positions);
  observer.loaded(memory);
  observer.positioned(positions);
  const observe = observer.begins();
  observer.ran(program, simulator.run(program, { maxPosition: MAX_POSITION, observe }));
  observer.read(0, simulator.memory);
}

/** How often an opcode is drawn: those of the vector unit are most, and the others wait for them. */
const SHARES = { load: 3, matrix: 3, vector: 1, store: 3 } as const;

/** The program of a seed. One in four is for one queue only, so that its FIFO fills. */
export function programOfSeed(chip: Chip, seed: number, length: number): RandomProgram {
  const queue = seed % 4 === 0 ? QUEUES[(seed / 4) % QUEUES.length] : undefined;
  const all = Object.keys(ISA) as Opcode[];
  const opcodes = all
    .filter((op) => queue === undefined || queueOf(op) === queue)
    .flatMap((op) => Array<Opcode>(SHARES[queueOf(op)]).fill(op));
  return randomProgram(new Random(seed), chip, { length, opcodes, prologue: 'all memories' });
}

/**
 * A smaller program that `fails` too: instructions are left out, in ever smaller pieces, as long as that
 * holds. The prologue, which fills the chip's memories, stays.
 */
export function shrink(
  one: RandomProgram,
  prologueLength: number,
  fails: (smaller: RandomProgram) => boolean,
): RandomProgram {
  let smallest = one;
  for (let piece = one.program.length; piece >= 1; piece = Math.floor(piece / 2)) {
    for (let from = prologueLength; from < smallest.program.length;) {
      const smaller = { ...smallest, program: without(smallest.program, from, piece) };
      if (fails(smaller)) smallest = smaller;
      else from += piece;
    }
  }
  return smallest;
}

/** The rest of a program, with semaphores of its own. */
function without(
  program: readonly Instruction[],
  from: number,
  count: number,
): readonly Instruction[] {
  const rest = program.filter((_, i) => i < from || i >= from + count);
  const labelled = withSumsApart(rest).map((instruction) => ({ instruction, label: '' }));
  return insertSemaphores(labelled, MAX_POSITION).map(({ instruction }) => instruction);
}
