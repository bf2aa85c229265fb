/**
 * The table's forms, parsed; and which form fits given operands.
 *
 * `EVEX.512.66.0F38.W0 50 /r` becomes prefix, map, W, width and opcode; `v v v/m/b` becomes what each
 * operand may be.
 */
import { CeladonError } from '../base/index.ts';
import { INSTRUCTIONS, type Form, type Mnemonic } from './instructions.table.ts';
import { formatOperand, type Memory, type Operand, type Vector } from './operands.ts';

/** What an operand may be. Bits are of a register; of memory `memoryBits`. */
export interface Pattern {
  /** `r` general, `v` vector, `k` mask, `i` immediate, `rel` label; absent: memory only. */
  readonly register?: 'general' | 'vector' | 'mask' | 'immediate' | 'label';
  /** Fixed bits; or divided by `part` of the instruction's width. */
  readonly bits?: number;
  readonly part?: number;
  /** The fewest bits of a vector; absent: 128. */
  readonly least?: number;
  /** An immediate from 0. */
  readonly unsigned?: boolean;
  readonly memory: boolean;
  readonly memoryBits?: number;
  readonly broadcast: boolean;
}

/** A form of an instruction, ready to encode. */
export interface ParsedForm {
  readonly scheme: 'legacy' | 'VEX' | 'EVEX';
  /** Fixed vector bits; absent if they are those of the operands. */
  readonly bits?: number;
  /** 66, F3, F2 as a byte; 0 for none. */
  readonly prefix: number;
  /** 1, 2, 3 for 0F, 0F38, 0F3A; legacy forms have the map in their opcode. */
  readonly map: number;
  readonly w: boolean;
  readonly opcode: readonly number[];
  /** `/0` to `/7`; absent for `/r` and without ModRM. */
  readonly digit?: number;
  /** Bytes of an immediate; 0 for none. */
  readonly immediateBytes: number;
  readonly places: string;
  readonly operands: readonly Pattern[];
  /** The operand that has the instruction's width; -1 for none. */
  readonly widestOperand: number;
}

const MAPS: Readonly<Record<string, number>> = { '0F': 1, '0F38': 2, '0F3A': 3 };
const IMMEDIATE_BYTES: Readonly<Record<string, number>> = { ib: 1, id: 4, io: 8 };

const parsed = new Map<Mnemonic, readonly ParsedForm[]>();

/** The forms of an instruction. */
export function formsOf(op: Mnemonic): readonly ParsedForm[] {
  let forms = parsed.get(op);
  if (!forms) parsed.set(op, (forms = INSTRUCTIONS[op].map(parseForm)));
  return forms;
}

/** The first form that takes the operands. Throws CeladonError with all forms if none does. */
export function findForm(op: Mnemonic, operands: readonly Operand[]): ParsedForm {
  const form = formsOf(op).find((candidate) => fits(candidate, operands));
  if (form) return form;
  const allowed = INSTRUCTIONS[op].map(([, , text]) => text || 'nothing').join(' or ');
  const given = operands.map((operand) => formatOperand(operand)).join(' ') || 'nothing';
  throw new CeladonError(`${op} must have ${allowed}, not ${given}`);
}

/** The vector width of a form with these operands, in bits; 0 without vectors. */
export function widthOf(form: ParsedForm, operands: readonly Operand[]): number {
  if (form.bits !== undefined) return form.bits;
  const operand = operands[form.widestOperand];
  return typeof operand === 'object' && operand.kind === 'vector' ? operand.bits : 0;
}

/** Bytes of memory that an operand of this pattern names. */
export function memoryBytes(pattern: Pattern, width: number, memory: Memory): number {
  if (memory.broadcast) return 4;
  return (pattern.memoryBits ?? width / (pattern.part ?? 1)) / 8;
}

function parseForm([encoding, places, operands]: Form): ParsedForm {
  const [head = '', ...rest] = encoding.split(' ');
  const vex = head.startsWith('VEX') || head.startsWith('EVEX');
  const digit = rest.find((word) => /^\/\d$/.test(word))?.slice(1);
  const opcodes = (vex ? rest : [head, ...rest]).filter((word) => /^[0-9A-F]{2}$/.test(word));
  const patterns = operands.split(' ').filter(Boolean).map(parsePattern);
  return {
    ...(vex ? parseVex(head) : { scheme: 'legacy', prefix: 0, map: 0, w: head === 'REX.W' }),
    opcode: opcodes.map((word) => Number.parseInt(word, 16)),
    ...(digit !== undefined && { digit: Number(digit) }),
    immediateBytes: IMMEDIATE_BYTES[rest.at(-1) ?? ''] ?? 0,
    places,
    operands: patterns,
    widestOperand: patterns.findIndex(({ register, part }) => register === 'vector' && part === 1),
  };
}

function parseVex(head: string): Pick<ParsedForm, 'scheme' | 'bits' | 'prefix' | 'map' | 'w'> {
  const words = head.split('.');
  const bits = words.find((word) => ['128', '256', '512'].includes(word));
  const prefix = words.find((word) => ['66', 'F2', 'F3'].includes(word));
  return {
    scheme: words[0] as 'VEX' | 'EVEX',
    ...(bits && { bits: Number(bits) }),
    prefix: prefix ? Number.parseInt(prefix, 16) : 0,
    map: MAPS[words.find((word) => word in MAPS)!]!,
    w: words.includes('W1'),
  };
}

const REGISTERS: Readonly<
  Record<string, Pick<Pattern, 'register' | 'bits' | 'part' | 'least' | 'unsigned'>>
> = {
  r64: { register: 'general', bits: 64 },
  r32: { register: 'general', bits: 32 },
  k: { register: 'mask' },
  rel: { register: 'label' },
  i8: { register: 'immediate', bits: 8 },
  u8: { register: 'immediate', bits: 8, unsigned: true },
  i32: { register: 'immediate', bits: 32 },
  i64: { register: 'immediate', bits: 64 },
  x: { register: 'vector', bits: 128 },
  y: { register: 'vector', bits: 256 },
  z: { register: 'vector', bits: 512 },
  v: { register: 'vector', part: 1 },
  w: { register: 'vector', part: 1, least: 256 },
  v2: { register: 'vector', part: 2 },
  v4: { register: 'vector', part: 4 },
  v8: { register: 'vector', part: 8 },
};

function parsePattern(text: string): Pattern {
  const alternatives = text.split('/');
  const register = REGISTERS[alternatives[0]!];
  const memory = alternatives.find((word) => /^m\d*$/.test(word));
  const memoryBits = memory && memory.length > 1 ? Number(memory.slice(1)) : register?.bits;
  return {
    ...(register ?? { part: 1 }),
    memory: memory !== undefined,
    ...(memoryBits && { memoryBits }),
    broadcast: alternatives.includes('b'),
  };
}

function fits(form: ParsedForm, operands: readonly Operand[]): boolean {
  if (operands.length !== form.operands.length) return false;
  const width = widthOf(form, operands);
  if (form.scheme === 'VEX' && (width > 256 || operands.some(needsEvex))) return false;
  return form.operands.every((pattern, i) => fitsPattern(pattern, operands[i]!, width));
}

function needsEvex(operand: Operand): boolean {
  if (typeof operand === 'number') return false;
  if (operand.kind === 'memory') return operand.broadcast || operand.mask !== undefined;
  return operand.kind === 'vector' && (operand.code > 15 || operand.mask !== undefined);
}

function fitsPattern(pattern: Pattern, operand: Operand, width: number): boolean {
  if (typeof operand === 'number') {
    return pattern.register === 'immediate' && fitsBits(operand, pattern);
  }
  if (operand.kind === 'memory') {
    return pattern.memory && (pattern.broadcast || !operand.broadcast);
  }
  if (operand.kind !== pattern.register) return false;
  if (operand.kind === 'general') return operand.bits === pattern.bits;
  return operand.kind !== 'vector' || fitsVector(pattern, operand, width);
}

function fitsVector(pattern: Pattern, { bits }: Vector, width: number): boolean {
  const own = pattern.bits ?? Math.max(128, width / pattern.part!);
  return bits === own && bits >= (pattern.least ?? 128);
}

function fitsBits(value: number, { bits = 64, unsigned }: Pattern): boolean {
  if (!Number.isSafeInteger(value)) return false;
  if (bits === 64) return true;
  return unsigned
    ? value >= 0 && value < 2 ** bits
    : value >= -(2 ** (bits - 1)) && value < 2 ** (bits - 1);
}
