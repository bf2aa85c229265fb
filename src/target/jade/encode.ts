/**
 * Instructions as 24 little-endian 32-bit words each, and back; the format is in isa.table.ts.
 *
 * Encoding is strict: each field of the opcode must be given, no other may be, and each value must
 * be one that its kind can hold. So decode(encode(x)) gives x for every x that encodes. The bank masks
 * follow from fields and chip: encoding adds them, decoding leaves them out.
 */
import { FormatError } from '../../base/index.ts';
import type { Chip } from '../../chip/index.ts';
import {
  INSTRUCTION_WORDS,
  ISA,
  READ_BANKS_WORD,
  WRITE_BANKS_WORD,
  type Field,
  type FieldKind,
  type Fields,
  type Instruction,
  type InstructionRule,
  type Opcode,
} from './isa.table.ts';
import { bankUseOf } from './sim/banks.ts';

/** Bytes of one encoded instruction. */
export const INSTRUCTION_BYTES = 4 * INSTRUCTION_WORDS;

/** The rows of the table, with opcodes as plain names. */
export const RULES = Object.entries(ISA) as readonly (readonly [Opcode, InstructionRule])[];

const BY_CODE: ReadonlyMap<number, Opcode> = new Map(RULES.map(([op, { opcode }]) => [opcode, op]));

/** Encodes a program for `chip`. Throws FormatError that names the instruction and the field. */
export function encode(program: readonly Instruction[], chip: Chip): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_BYTES);
  program.forEach((instruction, index) => {
    const view = new DataView(bytes.buffer, index * INSTRUCTION_BYTES, INSTRUCTION_BYTES);
    writeInstruction(instruction, view, `instruction ${index}`);
    writeBanks(instruction, view, chip);
  });
  return bytes;
}

/** Decodes a program. Throws FormatError when it is truncated or no instruction of the table. */
export function decode(bytes: Uint8Array): Instruction[] {
  if (bytes.length % INSTRUCTION_BYTES !== 0) {
    throw new FormatError(
      `a program must be whole instructions of ${INSTRUCTION_BYTES} bytes, not ${bytes.length} bytes`,
      { where: `byte ${bytes.length - (bytes.length % INSTRUCTION_BYTES)}` },
    );
  }
  return Array.from({ length: bytes.length / INSTRUCTION_BYTES }, (_, index) => {
    const offset = bytes.byteOffset + index * INSTRUCTION_BYTES;
    return decodeInstruction(
      new DataView(bytes.buffer, offset, INSTRUCTION_BYTES),
      `instruction ${index}`,
    );
  });
}

/** Throws FormatError unless `fields` are the fields of `op`, each within its kind. */
export function checkFields(op: Opcode, fields: Fields, where: string): void {
  const rule: InstructionRule = ISA[op];
  const names = new Set(rule.fields.map(({ name }) => name));
  const unknown = Object.keys(fields).filter((name) => !names.has(name));
  if (unknown.length > 0) {
    throw new FormatError(`${op} must have only its own fields, not ${unknown.join(', ')}`, {
      where,
      hint: `its fields are ${[...names].join(', ')}`,
    });
  }
  const missing = [...names].filter((name) => fields[name] === undefined);
  if (missing.length > 0) {
    throw new FormatError(`${op} must have all its fields, not lack ${missing.join(', ')}`, {
      where,
    });
  }
  for (const field of rule.fields) checkValue(op, field, fields[field.name]!, where);
}

const RANGES: Readonly<Record<FieldKind, string>> = {
  local: 'an integer from 0 to 2^32 - 1',
  memory: 'an integer from 0 to 2^53 - 1',
  u32: 'an integer from 0 to 2^32 - 1',
  f32: 'a number exact in f32',
};

function fits(kind: FieldKind, value: number): boolean {
  if (kind === 'f32') return Object.is(Math.fround(value), value) && value === value;
  const limit = kind === 'memory' ? Number.MAX_SAFE_INTEGER : 0xffffffff;
  return Number.isInteger(value) && value >= 0 && value <= limit && !Object.is(value, -0);
}

function checkValue(op: Opcode, { name, kind }: Field, value: number, where: string): void {
  if (fits(kind, value)) return;
  throw new FormatError(`${op} ${name} must be ${RANGES[kind]}, not ${value}`, { where });
}

function checkMask(name: string, mask: number, where: string): void {
  if (Number.isInteger(mask) && mask >= 0 && mask <= 15) return;
  throw new FormatError(`the ${name} mask must be an integer from 0 to 15, not ${mask}`, { where });
}

function writeInstruction(instruction: Instruction, view: DataView, where: string): void {
  const { op, fields, wait, signal } = instruction;
  const rule: InstructionRule | undefined = ISA[op];
  if (!rule) throw new FormatError(`an opcode must be in the table, not ${String(op)}`, { where });
  checkMask('wait', wait, where);
  checkMask('signal', signal, where);
  checkFields(op, fields, where);
  view.setUint32(0, rule.opcode | (wait << 8) | (signal << 12), true);
  let offset = 4;
  for (const { name, kind } of rule.fields) {
    WRITE[kind](view, offset, fields[name]!);
    offset += WIDTH[kind];
  }
}

function writeBanks(instruction: Instruction, view: DataView, chip: Chip): void {
  const { read, write } = bankUseOf(instruction, chip);
  view.setBigUint64(4 * READ_BANKS_WORD, maskOf(read), true);
  view.setBigUint64(4 * WRITE_BANKS_WORD, maskOf(write), true);
}

function maskOf(banks: readonly number[]): bigint {
  return banks.reduce((mask, bank) => mask | (1n << BigInt(bank)), 0n);
}

/** Bytes a field takes. */
const WIDTH: Readonly<Record<FieldKind, number>> = { local: 4, memory: 8, u32: 4, f32: 4 };

type Write = (view: DataView, offset: number, value: number) => void;
const writeU32: Write = (view, offset, value) => view.setUint32(offset, value, true);
const WRITE: Readonly<Record<FieldKind, Write>> = {
  local: writeU32,
  memory: (view, offset, value) => view.setBigUint64(offset, BigInt(value), true),
  u32: writeU32,
  f32: (view, offset, value) => view.setFloat32(offset, value, true),
};

type Read = (view: DataView, offset: number) => number;
const readU32: Read = (view, offset) => view.getUint32(offset, true);
const READ: Readonly<Record<FieldKind, Read>> = {
  local: readU32,
  memory: (view, offset) => Number(view.getBigUint64(offset, true)),
  u32: readU32,
  f32: (view, offset) => view.getFloat32(offset, true),
};

function decodeInstruction(view: DataView, where: string): Instruction {
  const word = view.getUint32(0, true);
  const op = BY_CODE.get(word & 0xff);
  if (op === undefined) {
    throw new FormatError(`an opcode must be in the table, not 0x${(word & 0xff).toString(16)}`, {
      where,
    });
  }
  const fields: Record<string, number> = {};
  let offset = 4;
  for (const { name, kind } of ISA[op].fields) {
    fields[name] = READ[kind](view, offset);
    offset += WIDTH[kind];
  }
  checkFields(op, fields, where);
  checkUnused(word, view, offset, where);
  return { op, fields, wait: (word >>> 8) & 15, signal: (word >>> 12) & 15 };
}

function checkUnused(word: number, view: DataView, end: number, where: string): void {
  let used = word >>> 16;
  const masks = 4 * READ_BANKS_WORD;
  for (let offset = end; offset < masks; offset += 4) used |= view.getUint32(offset);
  if (used !== 0) throw new FormatError('unused bits must be zero', { where });
}
