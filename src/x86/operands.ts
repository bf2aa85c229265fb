/** Operands of x86-64 instructions: registers, memory, labels; immediates are plain numbers. */
import { CeladonError } from '../base/index.ts';

/** A general-purpose register, whole (64 bits) or its lower half (32 bits). */
export interface General {
  readonly kind: 'general';
  readonly bits: 64 | 32;
  readonly code: number;
}

/** A vector register; `mask` leaves lanes unwritten, or writes zeros there if `zeroing`. */
export interface Vector {
  readonly kind: 'vector';
  readonly bits: 512 | 256 | 128;
  readonly code: number;
  readonly mask?: Mask;
  readonly zeroing?: boolean;
}

/** A mask register of AVX-512; as a mask of lanes, k0 is not allowed. */
export interface Mask {
  readonly kind: 'mask';
  readonly code: number;
}

/**
 * Memory at base + index·scale + displacement, or at a label; `broadcast` repeats one 32-bit element, `mask`
 * stores only some lanes.
 */
export interface Memory {
  readonly kind: 'memory';
  readonly base: General | Label;
  readonly index?: General;
  readonly scale: 1 | 2 | 4 | 8;
  readonly displacement: number;
  readonly broadcast: boolean;
  readonly mask?: Mask;
}

/** A place in the code; made by `FunctionBuilder.label` and `Assembler.constant`. */
export interface Label {
  readonly kind: 'label';
  readonly name: string;
}

export type Operand = General | Vector | Mask | Memory | Label | number;

/** Names of the general-purpose registers by code. */
export const GENERAL_NAMES = [
  ...['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'],
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
] as const;

type GeneralName =
  | ('rax' | 'rcx' | 'rdx' | 'rbx' | 'rsp' | 'rbp' | 'rsi' | 'rdi')
  | ('r8' | 'r9' | 'r10' | 'r11' | 'r12' | 'r13' | 'r14' | 'r15');

/** The 64-bit registers by name. */
export const GENERAL = Object.fromEntries(
  GENERAL_NAMES.map((name, code) => [name, { kind: 'general', bits: 64, code }]),
) as Record<GeneralName, General>;

/** The lower half of a register. */
export function half(register: General): General {
  return { ...register, bits: 32 };
}

export const zmm = (code: number): Vector => vector(512, code);
export const ymm = (code: number): Vector => vector(256, code);
export const xmm = (code: number): Vector => vector(128, code);

/** A vector register of any width. Throws unless `code` is 0 to 31. */
export function vector(bits: Vector['bits'], code: number): Vector {
  if (!(code >= 0 && code < 32)) {
    throw new CeladonError(`a vector register must be 0 to 31, not ${code}`);
  }
  return { kind: 'vector', bits, code };
}

/** The same register at another width. */
export function resized(register: Vector, bits: Vector['bits']): Vector {
  return vector(bits, register.code);
}

/** A mask register. Throws unless `code` is 0 to 7. */
export function mask(code: number): Mask {
  if (!(code >= 0 && code < 8)) {
    throw new CeladonError(`a mask register must be 0 to 7, not ${code}`);
  }
  return { kind: 'mask', code };
}

/** A register or memory written only in the lanes of `mask`. */
export function merging<T extends Vector | Memory>(destination: T, lanes: Mask): T {
  return { ...destination, mask: lanes };
}

/** `register` written in the lanes of `mask`, zero in the others. */
export function zeroing(register: Vector, lanes: Mask): Vector {
  return { ...register, mask: lanes, zeroing: true };
}

/** Memory at base + index·scale + displacement bytes. */
export function at(
  base: General | Label,
  displacement = 0,
  index?: General,
  scale: Memory['scale'] = 1,
): Memory {
  const place = { kind: 'memory', base, scale, displacement, broadcast: false } as const;
  return index ? { ...place, index } : place;
}

/** A 32-bit element of memory, repeated in every lane. */
export function broadcast(memory: Memory): Memory {
  return { ...memory, broadcast: true };
}

/** Bytes that an instruction reads or writes at memory, and into how many lanes it repeats them. */
export interface Access {
  readonly unitBytes: number;
  readonly lanes: number;
}

/** An operand in Intel's syntax; without an access the width of memory is left out. */
export function formatOperand(operand: Operand, access?: Access): string {
  if (typeof operand === 'number') return `${operand}`;
  switch (operand.kind) {
    case 'general':
      return formatGeneral(operand);
    case 'vector':
      return formatVector(operand);
    case 'mask':
      return `k${operand.code}`;
    case 'label':
      return operand.name;
    case 'memory':
      return formatMemory(operand, access);
  }
}

function formatGeneral({ bits, code }: General): string {
  const name = GENERAL_NAMES[code]!;
  if (bits === 64) return name;
  return code < 8 ? `e${name.slice(1)}` : `${name}d`;
}

function formatVector({ bits, code, mask, zeroing }: Vector): string {
  const name = `${{ 128: 'x', 256: 'y', 512: 'z' }[bits]}mm${code}`;
  return name + formatMask(mask) + (zeroing ? '{z}' : '');
}

function formatMask(lanes: Mask | undefined): string {
  return lanes ? `{k${lanes.code}}` : '';
}

const WIDTHS: Readonly<Record<number, string>> = {
  ...{ 1: 'byte', 2: 'word', 4: 'dword', 8: 'qword', 16: 'xmmword', 32: 'ymmword', 64: 'zmmword' },
};

function formatMemory(memory: Memory, access: Access | undefined): string {
  const { base, index, scale, displacement, broadcast, mask } = memory;
  const width = access && !broadcast ? WIDTHS[access.unitBytes] : undefined;
  const inner = [
    base.kind === 'label' ? `rip + ${base.name}` : formatGeneral(base),
    ...(index ? [`${formatGeneral(index)}*${scale}`] : []),
    ...(displacement ? [`${displacement}`] : []),
  ];
  const repeated = broadcast ? `{1to${access?.lanes ?? 'n'}}` : '';
  return `${width ? `${width} ptr ` : ''}[${inner.join(' + ')}]${repeated}${formatMask(mask)}`;
}
