/** Random programs as a script: what the simulator does with them, for the test bench to compare. */
import { Random } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import { MAX_POSITION } from '../sim/randomInstruction.ts';
import { randomProgram, type RandomProgram } from '../sim/randomProgram.ts';
import { createSimulator } from '../sim/simulator.ts';
import { digestBytes, EMPTY_DIGEST } from './digest.ts';
import { RunRecorder, SessionRecorder } from './record.ts';

/** Records one program, run on a chip whose memories it fills itself. */
export function recordProgram(session: SessionRecorder, chip: Chip, one: RandomProgram): void {
  const { program, memory, positions } = one;
  const simulator = createSimulator(chip, memory.length);
  simulator.memory.set(memory);
  simulator.positions.set(positions);
  session.script.memorySize(memory.length);
  session.script.writeMemory(0, memory);
  positions.forEach((value, index) => session.script.position(index, value));
  const recorder = new RunRecorder();
  const stats = simulator.run(program, { maxPosition: MAX_POSITION, observe: recorder.observe });
  session.run(program, stats, recorder.traces);
  const digest = digestBytes(simulator.memory, 0, memory.length, EMPTY_DIGEST);
  session.script.checkMemory(0, memory.length, digest);
}

/** The program of a seed. */
export function programOfSeed(chip: Chip, seed: number, length: number): RandomProgram {
  return randomProgram(new Random(seed), chip, { length, prologue: true });
}
