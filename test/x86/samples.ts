/** Samples of every instruction form: operands that reach each rule of the encoding, and their text for an assembler. */
import { encode } from '../../src/x86/encode.ts';
import { formsOf, memoryBytes, type ParsedForm, type Pattern } from '../../src/x86/forms.ts';
import { INSTRUCTIONS, type Mnemonic } from '../../src/x86/instructions.table.ts';
import {
  at,
  broadcast,
  formatOperand,
  GENERAL,
  half,
  mask,
  merging,
  vector,
  zeroing,
} from '../../src/x86/operands.ts';
import type { Label, Memory, Operand, Vector } from '../../src/x86/operands.ts';

/** An instruction and its operands. */
export interface Sample {
  readonly op: Mnemonic;
  readonly operands: readonly Operand[];
  /** In Intel's syntax; a label is `next`, right behind the instruction. */
  readonly text: string;
}

const { rcx, rbp, rsp, rbx, rsi, r8, r9, r12, r13, r15 } = GENERAL;

/** Registers by round; the accumulator has shorter forms of its own, which the table leaves out. */
const GENERALS = [
  [rcx, rbx, rsi],
  [r9, r15, r8],
  [rsp, r12, rbp],
] as const;
const LOW_VECTORS = [
  [1, 2, 3],
  [9, 4, 5],
  [6, 12, 7],
] as const;
const HIGH_VECTORS = [
  [17, 2, 3],
  [1, 26, 3],
  [1, 2, 31],
] as const;
const MEMORIES: readonly Memory[] = [
  at(rcx),
  at(rbp),
  at(r13, 64),
  at(rsp, -128),
  at(r12, 4, r9, 4),
  at(rsi, 8192, rbp, 8),
  at({ kind: 'label', name: '0' }, 256),
  at(r15, -0x12345),
];
const NEXT: Label = { kind: 'label', name: 'next' };

/** All samples, in the order of the table. */
export function samples(): Sample[] {
  return (Object.keys(INSTRUCTIONS) as Mnemonic[]).flatMap((op) =>
    formsOf(op).flatMap((form) => samplesOf(op, form)),
  );
}

/** The bytes of a sample, in hex; of a distance to `next` too, which is 0. */
export function hexOf({ op, operands }: Sample): string {
  return encode(op, operands)
    .bytes.map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}

function samplesOf(op: Mnemonic, form: ParsedForm): Sample[] {
  const narrower = widthsOf(form);
  const widest = narrower.pop()!;
  const lists = [
    ...narrower.flatMap((width) => registersOnly(form, width, 0)),
    ...narrower.flatMap((width) => withMemory(form, width, MEMORIES[2]!)),
    ...[0, 1, 2].flatMap((round) => registersOnly(form, widest, round)),
    ...MEMORIES.flatMap((memory) => withMemory(form, widest, memory)),
  ];
  const masked = form.scheme === 'EVEX' ? lists.slice(-2).flatMap(withMask) : [];
  return [...lists, ...masked].map(({ operands, width }) => ({
    op,
    operands,
    text: `${op} ${operands.map((operand, i) => text(form, operand, i, width)).join(', ')}`.trim(),
  }));
}

interface List {
  readonly operands: readonly Operand[];
  readonly width: number;
}

function widthsOf(form: ParsedForm): number[] {
  const usesWidth = form.operands.some(({ register, part }) => register === 'vector' && part);
  if (form.bits !== undefined) return [form.bits];
  if (!usesWidth) return [0];
  const widths = form.scheme === 'VEX' ? [128, 256] : [128, 256, 512];
  const least = Math.max(...form.operands.map((pattern) => pattern.least ?? 0));
  return widths.filter((width) => width >= least);
}

function registersOnly(form: ParsedForm, width: number, round: number): List[] {
  if (form.operands.some(({ register }) => register === undefined)) return [];
  const operands = form.operands.map((pattern, i) => register(form, pattern, i, width, round));
  return [{ operands, width }];
}

function withMemory(form: ParsedForm, width: number, memory: Memory): List[] {
  const place = form.operands.findIndex((pattern) => pattern.memory);
  if (place < 0) return [];
  const with_ = (operand: Memory): List => ({
    operands: form.operands.map((pattern, i) =>
      i === place ? operand : register(form, pattern, i, width, 0),
    ),
    width,
  });
  const repeated = form.operands[place]!.broadcast && form.scheme === 'EVEX';
  return repeated ? [with_(memory), with_(broadcast(memory))] : [with_(memory)];
}

/** The same with a mask on the destination, and with zeroing if that is a register. */
function withMask({ operands, width }: List): List[] {
  const [destination, ...sources] = operands;
  if (typeof destination !== 'object') return [];
  const masked = (first: Operand): List => ({ operands: [first, ...sources], width });
  if (destination.kind === 'memory') return [masked(merging(destination, mask(3)))];
  if (destination.kind !== 'vector') return [];
  return [masked(merging(destination, mask(1))), masked(zeroing(destination, mask(7)))];
}

function register(
  form: ParsedForm,
  { register: kind, bits, part }: Pattern,
  place: number,
  width: number,
  round: number,
): Operand {
  switch (kind) {
    case 'general': {
      const whole = GENERALS[round]![place % 3]!;
      return bits === 64 ? whole : half(whole);
    }
    case 'vector': {
      const codes = (form.scheme === 'EVEX' ? HIGH_VECTORS : LOW_VECTORS)[round]!;
      const own = bits ?? Math.max(128, width / part!);
      return vector(own as Vector['bits'], codes[place % 3]!);
    }
    case 'mask':
      return mask(5 - round);
    case 'label':
      return NEXT;
    default:
      return { 8: 7 - 2 * round, 32: 0x12345 - 0x23456 * round }[bits!] ?? 0x123456789abcd;
  }
}

function text(form: ParsedForm, operand: Operand, place: number, width: number): string {
  if (typeof operand !== 'object' || operand.kind !== 'memory') return formatOperand(operand);
  const whole = { ...operand, broadcast: false };
  const unitBytes = memoryBytes(form.operands[place]!, width, whole);
  return formatOperand(operand, { unitBytes, lanes: width / 32 });
}
