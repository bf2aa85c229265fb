/**
 * The decoder: where the fields of each instruction lie in its words, read off the one table of the ISA.
 *
 * A unit sees a port for every field that an opcode of its queue has. Where opcodes have the same field
 * in different words, the opcode chooses; a field that the opcode lacks has no meaning.
 */
import { type Signal } from '../../../../hdl/index.ts';
import {
  INSTRUCTION_WORDS,
  ISA,
  QUEUES,
  READ_BANKS_WORD,
  WRITE_BANKS_WORD,
  type Field,
  type InstructionRule,
  type Queue,
} from '../../isa.table.ts';

export const INSTRUCTION_BITS = 32 * INSTRUCTION_WORDS;
export const OPCODE_BITS = 8;
const WAIT_BIT = 8;
const SIGNAL_BIT = 12;

const RULES: readonly InstructionRule[] = Object.values(ISA);

/** Where a field of an opcode begins. */
interface Place {
  readonly opcode: number;
  readonly word: number;
}

/** Fields that have the name of a word of SystemVerilog. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  local: 'localAddress',
  sequence: 'sequenceIndex',
};

/** The port of a field: its name, where SystemVerilog allows it. */
export function portOf(field: string): string {
  return OTHER_NAMES[field] ?? field;
}

/** Port and width in bits of every field of a queue's opcodes. */
export function fieldPorts(queue: Queue): Record<string, number> {
  const fields = rulesOf(queue).flatMap(({ fields }) => fields as readonly Field[]);
  return Object.fromEntries(
    fields.map(({ name, kind }) => [portOf(name), kind === 'memory' ? 64 : 32]),
  );
}

/** The fields of an instruction of `queue`, and its opcode. */
export function decodeFields(instruction: Signal, queue: Queue): Record<string, Signal> {
  const opcode = opcodeOf(instruction);
  const fields = Object.entries(fieldPorts(queue)).map(([name, width]) => {
    return [name, fieldAt(instruction, opcode, placesOf(queue, name), width)];
  });
  return { opcode, ...Object.fromEntries(fields) };
}

function rulesOf(queue: Queue): InstructionRule[] {
  return RULES.filter((rule) => rule.queue === queue);
}

/** The words of a field, those most opcodes agree on last. */
function placesOf(queue: Queue, name: string): Place[] {
  const places = rulesOf(queue).flatMap(({ opcode, fields }) => {
    const index = fields.findIndex((field) => portOf(field.name) === name);
    return index < 0 ? [] : [{ opcode, word: 1 + wordsBefore(fields, index) }];
  });
  const count = (word: number): number => places.filter((place) => place.word === word).length;
  return places.toSorted((a, b) => count(a.word) - count(b.word) || a.word - b.word);
}

function wordsBefore(fields: readonly Field[], index: number): number {
  return fields.slice(0, index).reduce((sum, { kind }) => sum + (kind === 'memory' ? 2 : 1), 0);
}

function fieldAt(
  instruction: Signal,
  opcode: Signal,
  places: readonly Place[],
  width: number,
): Signal {
  const value = ({ word }: Place): Signal => instruction.slice(32 * word + width - 1, 32 * word);
  const usual = places.at(-1)!;
  const words = [...new Set(places.map(({ word }) => word))].filter((word) => word !== usual.word);
  return words.reduce((rest, word) => {
    const [first, ...others] = places.filter((place) => place.word === word);
    const chosen = others.reduce(
      (any, place) => any.or(opcode.eq(place.opcode)),
      opcode.eq(first!.opcode),
    );
    return chosen.mux(value(first!), rest);
  }, value(usual));
}

export function opcodeOf(instruction: Signal): Signal {
  return instruction.low(OPCODE_BITS);
}

/** Which queue an instruction goes to: one bit a queue; none for an opcode that the table lacks. */
export function queueOfOpcode(opcode: Signal): Signal[] {
  return QUEUES.map((queue) => {
    const [first, ...others] = rulesOf(queue).map((rule) => opcode.eq(rule.opcode));
    return others.reduce((any, one) => any.or(one), first!).named(`for${queue}`);
  });
}

/** What control itself reads of an instruction: tokens to take and to give, a bit a queue; banks. */
export function controlWord(instruction: Signal, banks: number) {
  return {
    wait: instruction.slice(WAIT_BIT + QUEUES.length - 1, WAIT_BIT),
    signal: instruction.slice(SIGNAL_BIT + QUEUES.length - 1, SIGNAL_BIT),
    readBanks: instruction.slice(32 * READ_BANKS_WORD + banks - 1, 32 * READ_BANKS_WORD),
    writeBanks: instruction.slice(32 * WRITE_BANKS_WORD + banks - 1, 32 * WRITE_BANKS_WORD),
  };
}
