/**
 * The decoder, from the instruction table: where each field of a queue's instructions lies among the
 * words, which depends on the opcode.
 */
import type { Signal } from '../../../../hdl/index.ts';
import {
  INSTRUCTION_WORDS,
  ISA,
  QUEUES,
  READ_BANKS_WORD,
  WRITE_BANKS_WORD,
  type InstructionRule,
  type Opcode,
  type Queue,
} from '../../isa.table.ts';

export const INSTRUCTION_BITS = 32 * INSTRUCTION_WORDS;
export const OPCODE_BITS = 8;

const RULES = Object.entries(ISA) as readonly (readonly [Opcode, InstructionRule])[];

/** Where a field is in instructions with one opcode. */
interface Place {
  readonly opcode: number;
  readonly word: number;
}

interface QueueField {
  readonly name: string;
  readonly bits: 32 | 64;
  readonly places: readonly Place[];
}

/** The fields of all instructions of a queue, each once. */
export function fieldsOf(queue: Queue): QueueField[] {
  const fields = new Map<string, QueueField & { places: Place[] }>();
  for (const [, { opcode, queue: owner, fields: list }] of RULES) {
    let word = 1;
    for (const { name, kind } of owner === queue ? list : []) {
      const bits = kind === 'memory' ? 64 : 32;
      const field = fields.get(name) ?? { name, bits, places: [] };
      field.places.push({ opcode, word });
      fields.set(name, field);
      word += bits / 32;
    }
  }
  return [...fields.values()];
}

/** The name of a field of a queue's head as a port: `matrixRowCount`. */
export function fieldPort(queue: Queue, field: string): string {
  return `${queue}${field[0]!.toUpperCase()}${field.slice(1)}`;
}

/** Words that instructions of a queue use, word 0 included and the masks of banks not. */
export function wordsOf(queue: Queue): number {
  const ends = fieldsOf(queue).flatMap(({ bits, places }) =>
    places.map(({ word }) => word + bits / 32),
  );
  return Math.max(...ends);
}

/** Whether an opcode is one of a queue. */
export function isOf(queue: Queue, opcode: Signal): Signal {
  const codes = RULES.filter(([, rule]) => rule.queue === queue).map(([, rule]) => rule.opcode);
  return codes.map((code) => opcode.eq(code)).reduce((any, is) => any.or(is));
}

/** The fields of an instruction, given its first words; those that its opcode lacks have any value. */
export function decode(queue: Queue, words: Signal): Record<string, Signal> {
  const opcode = words.low(OPCODE_BITS);
  return Object.fromEntries(
    fieldsOf(queue).map(({ name, bits, places }) => {
      const at = (word: number): Signal => words.slice(32 * word + bits - 1, 32 * word);
      const distinct = [...new Set(places.map(({ word }) => word))];
      const value = distinct.slice(1).reduce((rest, word) => {
        const codes = places.filter((place) => place.word === word);
        const here = codes.map((place) => opcode.eq(place.opcode)).reduce((any, is) => any.or(is));
        return here.mux(at(word), rest);
      }, at(distinct[0]!));
      return [name, value];
    }),
  );
}

/** What control itself reads of an instruction. */
export interface Header {
  readonly opcode: Signal;
  readonly wait: Signal;
  readonly signal: Signal;
}

export function headerOf(words: Signal): Header {
  const queues = QUEUES.length;
  return {
    opcode: words.low(OPCODE_BITS),
    wait: words.slice(OPCODE_BITS + queues - 1, OPCODE_BITS),
    signal: words.slice(OPCODE_BITS + 2 * queues - 1, OPCODE_BITS + queues),
  };
}

/** The masks of the read and of the write banks of a whole instruction. */
export function bankMasks(words: Signal, banks: number): { read: Signal; write: Signal } {
  const mask = (word: number): Signal => words.slice(32 * word + banks - 1, 32 * word);
  return { read: mask(READ_BANKS_WORD), write: mask(WRITE_BANKS_WORD) };
}

/** Whether an opcode is that of `op`. */
export function isOpcode(opcode: Signal, op: Opcode): Signal {
  return opcode.eq(ISA[op].opcode);
}
