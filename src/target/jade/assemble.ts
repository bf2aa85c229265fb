/**
 * Text to instructions.
 *
 *   line    = [ opcode { name "=" value } { ";" ("wait" | "signal") queue { "," queue } } ] [ "#" comment ]
 *   value   = "none" | decimal | "0x" hexadecimal
 *
 * A field that is not written is zero.
 */
import { FormatError } from '../../base/index.ts';
import { checkFields } from './encode.ts';
import { ISA, NONE, QUEUES, type Fields, type Instruction, type Opcode } from './isa.table.ts';

/** Reads the text form. Throws FormatError whose `where` is the line. */
export function assemble(text: string): Instruction[] {
  return text.split('\n').flatMap((line, index) => {
    const source = line.replace(/#.*/, '').trim();
    return source === '' ? [] : [assembleLine(source, `line ${index + 1}`)];
  });
}

function assembleLine(source: string, where: string): Instruction {
  const [head, ...clauses] = source.split(';').map((part) => part.trim());
  const [op, ...words] = head!.split(/\s+/);
  if (!isOpcode(op!)) {
    throw new FormatError(`an opcode must be in the table, not ${op}`, {
      where,
      hint: `opcodes are ${Object.keys(ISA).join(', ')}`,
    });
  }
  const fields = readFields(op, words, where);
  checkFields(op, fields, where);
  const masks = { wait: 0, signal: 0 };
  for (const clause of clauses) readClause(clause, masks, where);
  return { op, fields, ...masks };
}

function isOpcode(word: string): word is Opcode {
  return Object.hasOwn(ISA, word);
}

function readFields(op: Opcode, words: readonly string[], where: string): Fields {
  const fields: Record<string, number> = {};
  for (const { name } of ISA[op].fields) fields[name] = 0;
  const given = new Set<string>();
  for (const word of words) {
    const [name, value, ...rest] = word.split('=') as [string, string | undefined, ...string[]];
    if (value === undefined || rest.length > 0) {
      throw new FormatError(`a field must be name=value, not ${word}`, { where });
    }
    if (given.has(name)) throw new FormatError(`${name} must be given once`, { where });
    given.add(name);
    fields[name] = readValue(name, value, where);
  }
  return fields;
}

const NUMBER = /^(?:0x[0-9a-f]+|-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|-?Infinity)$/i;

function readValue(name: string, text: string, where: string): number {
  if (text === 'none') return NONE;
  if (NUMBER.test(text)) return Number(text);
  throw new FormatError(`${name} must be a number or none, not ${text}`, { where });
}

function readClause(clause: string, masks: { wait: number; signal: number }, where: string): void {
  const [name, list, ...rest] = clause.split(/\s+/);
  if ((name !== 'wait' && name !== 'signal') || list === undefined || rest.length > 0) {
    throw new FormatError(`a clause must be "wait QUEUE,…" or "signal QUEUE,…", not "${clause}"`, {
      where,
    });
  }
  for (const queue of list.split(',')) {
    const bit = (QUEUES as readonly string[]).indexOf(queue);
    if (bit < 0) {
      throw new FormatError(`a queue must be one of ${QUEUES.join(', ')}, not ${queue}`, { where });
    }
    masks[name] |= 1 << bit;
  }
}
