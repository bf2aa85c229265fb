/**
 * Takes instructions, one a cycle and in program order, into the FIFO of their queue; waits while that
 * one is full. An opcode that the table lacks is dropped.
 */
import { defineModule, joinLanes, type Signal } from '../../../../hdl/index.ts';
import { QUEUES } from '../../isa.table.ts';
import { QUEUE_DEPTH } from '../../sim/dispatch.ts';
import { INSTRUCTION_BITS, opcodeOf, queueOfOpcode } from './decoder.ts';
import { fifo } from './fifo.ts';

const QUEUE_COUNT = QUEUES.length;

/** `pop`, `headValid`: a bit a queue. */
export function dispatcher() {
  const queue = fifo('instruction_fifo', QUEUE_DEPTH, INSTRUCTION_BITS);
  return defineModule({
    name: 'dispatcher',
    comment: 'Takes instructions in program order into the FIFOs of the four queues.',
    inputs: { instructionValid: 1, instruction: INSTRUCTION_BITS, pop: QUEUE_COUNT },
    outputs: {
      instructionReady: 1,
      idle: 1,
      headValid: QUEUE_COUNT,
      loadHead: INSTRUCTION_BITS,
      matrixHead: INSTRUCTION_BITS,
      vectorHead: INSTRUCTION_BITS,
      storeHead: INSTRUCTION_BITS,
    },
    body({ instructionValid, instruction, pop }, m) {
      const chosen = queueOfOpcode(opcodeOf(instruction));
      const ready = m.wire('ready', 1);
      const take = instructionValid.and(ready).named('take');
      const queues = QUEUES.map((name, i) =>
        m.instance(`${name}Queue`, queue, {
          push: take.and(chosen[i]!),
          pushData: instruction,
          pop: pop.bit(i),
        }),
      );
      const blocked = queues.map(({ full }, i) => full.and(chosen[i]!));
      ready.set(anyOf(blocked).not());
      const [load, matrix, vector, store] = queues.map(({ head }) => head) as [
        Signal,
        Signal,
        Signal,
        Signal,
      ];
      return {
        instructionReady: ready,
        idle: joinLanes(queues.map(({ empty }) => empty)).reduceAnd(),
        headValid: joinLanes(queues.map(({ valid }) => valid)),
        ...{ loadHead: load, matrixHead: matrix, vectorHead: vector, storeHead: store },
      };
    },
  });
}

/** 1 if any of the bits is. */
export function anyOf(bits: readonly Signal[]): Signal {
  const [first, ...others] = bits;
  return others.reduce((any, bit) => any.or(bit), first!);
}
