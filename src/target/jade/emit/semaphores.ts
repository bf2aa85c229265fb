/**
 * Orders the queues: an instruction that touches bytes an earlier instruction of another queue touches
 * (and one of them writes) waits for its token.
 *
 * Each producer gives at most one token to a queue, and tokens are taken in the order they are given
 * (dependencies.ts): a later instruction of a queue waits only for later instructions of another.
 */
import { QUEUES, queueOf } from '../isa.table.ts';
import { dependenciesOf } from './dependencies.ts';
import type { LabelledInstruction } from './program.ts';

export function insertSemaphores(
  program: readonly LabelledInstruction[],
  maxPosition: number,
): LabelledInstruction[] {
  const instructions = program.map(({ instruction }) => instruction);
  const queues = instructions.map(({ op }) => QUEUES.indexOf(queueOf(op)));
  const waits = new Uint8Array(program.length);
  const signals = new Uint8Array(program.length);
  dependenciesOf(instructions, queues, QUEUES.length, maxPosition).forEach((producers, index) => {
    for (const producer of producers) {
      waits[index]! |= 1 << queues[producer]!;
      signals[producer]! |= 1 << queues[index]!;
    }
  });
  return program.map(({ instruction, label }, i) => ({
    instruction: { ...instruction, wait: waits[i]!, signal: signals[i]! },
    label,
  }));
}
