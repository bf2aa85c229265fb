/**
 * The bytes of one instruction.
 *
 * ```
 * legacy  [REX 0100WRXB]  opcode  ModRM  [SIB]  [displacement]  [immediate]
 * VEX     C5 Rvvvv L pp            or  C4 RXB mmmmm  W vvvv L pp     then opcode, ModRM, ...
 * EVEX    62  RXBR' 0mmm  W vvvv 1pp  z L'L b V' aaa                 then opcode, ModRM, ...
 * ```
 *
 * R, X, B and V extend register numbers and are stored inverted in VEX and EVEX, as is vvvv. In EVEX a
 * displacement of one byte counts in units of the memory operand [1, section 2.7.5].
 *
 * [1] Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2
 */
import { CeladonError } from '../base/index.ts';
import { findForm, memoryBytes, widthOf, type ParsedForm } from './forms.ts';
import type { Mnemonic } from './instructions.table.ts';
import type { General, Label, Mask, Memory, Operand, Vector } from './operands.ts';

/** An instruction's bytes; at `distanceAt` four bytes are missing: from the instruction's end to `label`. */
export interface Encoded {
  readonly bytes: readonly number[];
  readonly label?: Label;
  readonly distanceAt?: number;
}

/** Operands by where they go in the instruction. */
interface Placed {
  readonly reg: number;
  readonly vvvv: number;
  readonly rm: General | Vector | Mask | Memory | undefined;
  readonly inOpcode: number;
  readonly immediate: number;
  readonly label: Label | undefined;
  /** The operand that carries the mask of lanes: the destination. */
  readonly destination: Operand | undefined;
  /** Bytes that memory names. */
  readonly unitBytes: number;
  readonly widthBits: number;
}

/** Encode an instruction; operands in Intel's order, destination first. Throws CeladonError if no form takes them. */
export function encode(op: Mnemonic, operands: readonly Operand[]): Encoded {
  const form = findForm(op, operands);
  const placed = place(form, operands);
  const bytes = [...encodeHead(form, placed)];
  let label = placed.label;
  let distanceAt = label && bytes.length;
  if (label) bytes.push(0, 0, 0, 0);
  if (placed.rm) {
    const address = encodeAddress(form, placed, placed.rm);
    if (address.label) [label, distanceAt] = [address.label, bytes.length + 1];
    bytes.push(...address.bytes);
  }
  bytes.push(...littleEndian(placed.immediate, form.immediateBytes));
  return label && distanceAt !== undefined ? { bytes, label, distanceAt } : { bytes };
}

function place(form: ParsedForm, operands: readonly Operand[]): Placed {
  const find = (letter: string): Operand | undefined => operands[form.places.indexOf(letter)];
  const widthBits = widthOf(form, operands);
  const rm = find('M') as Placed['rm'];
  const pattern = form.operands[form.places.indexOf('M')];
  return {
    reg: form.digit ?? codeOf(find('R')),
    vvvv: codeOf(find('V')),
    rm,
    inOpcode: codeOf(find('O')),
    immediate: (find('I') as number | undefined) ?? 0,
    label: find('D') as Label | undefined,
    destination: operands[0],
    unitBytes: rm?.kind === 'memory' ? memoryBytes(pattern!, widthBits, rm) : 0,
    widthBits,
  };
}

function codeOf(operand: Operand | undefined): number {
  return typeof operand === 'object' && 'code' in operand ? operand.code : 0;
}

function encodeHead(form: ParsedForm, placed: Placed): readonly number[] {
  if (form.scheme === 'VEX') return [...vexPrefix(form, placed), ...form.opcode];
  if (form.scheme === 'EVEX') return [...evexPrefix(form, placed), ...form.opcode];
  const { r, x, b } = extensions(placed);
  const rex = (form.w ? 8 : 0) | (r << 2) | (x << 1) | b;
  const last = form.opcode.at(-1)! + (placed.inOpcode & 7);
  const opcode = [...form.opcode.slice(0, -1), last];
  return rex ? [0x40 | rex, ...opcode] : opcode;
}

/** Bit 3 of the registers in ModRM.reg, the index, and ModRM.rm or the base or the opcode. */
function extensions({ reg, rm, inOpcode }: Placed): { r: number; x: number; b: number } {
  const r = (reg >> 3) & 1;
  if (rm?.kind !== 'memory') return { r, x: 0, b: ((rm ? rm.code : inOpcode) >> 3) & 1 };
  const base = rm.base.kind === 'label' ? 0 : rm.base.code;
  return { r, x: ((rm.index?.code ?? 0) >> 3) & 1, b: base >> 3 };
}

const PP: Readonly<Record<number, number>> = { 0: 0, 0x66: 1, 0xf3: 2, 0xf2: 3 };

function vexPrefix(form: ParsedForm, placed: Placed): number[] {
  const { r, x, b } = extensions(placed);
  const inverted = (~placed.vvvv & 15) << 3;
  const last = inverted | (placed.widthBits === 256 ? 4 : 0) | PP[form.prefix]!;
  if (form.map === 1 && !form.w && !x && !b) return [0xc5, ((r ^ 1) << 7) | last];
  const extended = ((r ^ 1) << 7) | ((x ^ 1) << 6) | ((b ^ 1) << 5) | form.map;
  return [0xc4, extended, (form.w ? 0x80 : 0) | last];
}

function evexPrefix(form: ParsedForm, placed: Placed): number[] {
  const { r, x, b } = extensions(placed);
  const { reg, rm, vvvv, widthBits, destination } = placed;
  // A vector register in ModRM.rm has its fifth bit in X.
  const x4 = rm?.kind === 'vector' ? (rm.code >> 4) & 1 : x;
  const first = ((r ^ 1) << 7) | ((x4 ^ 1) << 6) | ((b ^ 1) << 5) | (~reg & 16) | form.map;
  const second = (form.w ? 0x80 : 0) | ((~vvvv & 15) << 3) | 4 | PP[form.prefix]!;
  const { lanes, zeroing } = maskOf(destination);
  const length = { 128: 0, 256: 1, 512: 2 }[widthBits]!;
  const broadcast = rm?.kind === 'memory' && rm.broadcast ? 0x10 : 0;
  const third = (zeroing ? 0x80 : 0) | (length << 5) | broadcast | ((~vvvv & 16) >> 1) | lanes;
  return [0x62, first, second, third];
}

function maskOf(operand: Operand | undefined): { lanes: number; zeroing: boolean } {
  if (typeof operand !== 'object' || !('mask' in operand)) return { lanes: 0, zeroing: false };
  if (operand.mask?.code === 0) throw new CeladonError('a mask of lanes must be k1 to k7, not k0');
  return { lanes: operand.mask?.code ?? 0, zeroing: 'zeroing' in operand };
}

/** ModRM, SIB and displacement. */
function encodeAddress(
  form: ParsedForm,
  { reg, unitBytes }: Placed,
  rm: General | Vector | Mask | Memory,
): { bytes: number[]; label?: Label } {
  const middle = (reg & 7) << 3;
  if (rm.kind !== 'memory') return { bytes: [0xc0 | middle | (rm.code & 7)] };
  if (rm.base.kind === 'label') {
    return { bytes: [middle | 5, ...littleEndian(rm.displacement, 4)], label: rm.base };
  }
  const { mode, bytes } = encodeDisplacement(rm, rm.base, form.scheme === 'EVEX' ? unitBytes : 1);
  const needsSib = rm.index !== undefined || (rm.base.code & 7) === 4;
  const low = needsSib ? 4 : rm.base.code & 7;
  const sib = needsSib ? [sibOf(rm, rm.base)] : [];
  return { bytes: [(mode << 6) | middle | low, ...sib, ...bytes] };
}

function sibOf({ index, scale }: Memory, base: General): number {
  if (index?.code === 4) throw new CeladonError('an index must be a register other than rsp');
  const shift = { 1: 0, 2: 1, 4: 2, 8: 3 }[scale];
  return (shift << 6) | ((index ? index.code & 7 : 4) << 3) | (base.code & 7);
}

/** None, one byte in units of `unit` bytes, or four. A base of rbp or r13 cannot go without. */
function encodeDisplacement(
  { displacement }: Memory,
  base: General,
  unit: number,
): { mode: number; bytes: number[] } {
  if (displacement === 0 && (base.code & 7) !== 5) return { mode: 0, bytes: [] };
  const units = displacement / unit;
  if (Number.isInteger(units) && units >= -128 && units < 128) {
    return { mode: 1, bytes: [units & 0xff] };
  }
  return { mode: 2, bytes: littleEndian(displacement, 4) };
}

/** The lowest `count` bytes of a two's complement number, the lowest first; count is 1, 2, 4 or 8. */
export function littleEndian(value: number, count: number): number[] {
  const low = [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
  return count === 8
    ? [...low, ...littleEndian(Math.floor(value / 2 ** 32), 4)]
    : low.slice(0, count);
}
