/**
 * The meaning of a program: its instructions one after another, in the order of the program, each alone,
 * with products as docs/numerics.md writes them. The simulator runs the same program with all queues at
 * work and its fast kernels, and must leave the same bytes.
 */
import type { Chip } from '../../../chip/index.ts';
import { plainDot } from '../arith/dot.ts';
import { MAX_POSITION } from '../sim/randomInstruction.ts';
import type { RandomProgram } from '../sim/randomProgram.ts';
import { createSimulator, type Simulator } from '../sim/simulator.ts';

const OPTIONS = { maxPosition: MAX_POSITION };

/** The first byte in which simulator and definition differ after a program; undefined when there is none. */
export function differenceOf(chip: Chip, one: RandomProgram): string | undefined {
  const simulated = machineOf(createSimulator(chip, one.memory.length), one);
  const { fault } = simulated.run(one.program, { ...OPTIONS, checkHazards: true });
  const defined = machineOf(createSimulator(chip, one.memory.length, plainDot), one);
  let anyFault = false;
  for (const instruction of one.program) {
    const alone = [{ ...instruction, wait: 0, signal: 0 }];
    if (defined.run(alone, OPTIONS).fault) anyFault = true;
  }
  if (fault !== anyFault) return `fault flag: ${fault}, not ${anyFault}`;
  return (
    differenceIn('chip', simulated.local, defined.local) ??
    differenceIn('memory', simulated.memory, defined.memory)
  );
}

function machineOf(simulator: Simulator, { memory, positions }: RandomProgram): Simulator {
  simulator.memory.set(memory);
  simulator.positions.set(positions);
  return simulator;
}

function differenceIn(what: string, found: Uint8Array, expected: Uint8Array): string | undefined {
  const at = found.findIndex((byte, i) => byte !== expected[i]);
  return at < 0 ? undefined : `${what}, byte ${at}: ${found[at]}, not ${expected[at]}`;
}
