/**
 * Builds one function: `void f(const uint64_t *block)` of the System V ABI [1], whose arguments are cells of
 * eight bytes in memory. A call from outside therefore costs the same for any number of arguments.
 *
 * ```ts
 * assembler.addFunction('sum', ['from', 'count', 'out'], (f, block) => {
 *   const [from, count, out] = f.load(block.from, block.count, block.out);
 *   const total = f.vector(512), next = ...;
 *   f.emit('vpxord', total, total, total);
 *   f.repeat(count, () => f.emit('vaddps', total, total, at(from)).emit('add', from, 64));
 *   f.emit('vmovups', at(out), total);
 * });
 * ```
 *
 * Registers are handed out by name of purpose; those that belong to the caller are saved. An instruction
 * whose operands do not fit throws where it is written, with the function's name.
 *
 * [1] https://gitlab.com/x86-psABIs/x86-64-ABI, section 3.2
 */
import { CeladonError } from '../base/index.ts';
import { encode, type Encoded } from './encode.ts';
import type { Mnemonic } from './instructions.table.ts';
import { at, formatOperand, GENERAL, vector } from './operands.ts';
import type { General, Label, Memory, Operand, Vector } from './operands.ts';

/** A piece of a function's code, in order. */
export type Item =
  | {
      readonly kind: 'code';
      readonly encoded: Encoded;
      readonly op: Mnemonic;
      readonly operands: readonly Operand[];
    }
  | { readonly kind: 'label'; readonly label: Label }
  | { readonly kind: 'align'; readonly bytes: number };

const { rax, rcx, rdx, rsi, rdi, rsp, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15 } = GENERAL;

/** Registers to hand out: first those that a function may change, then those it must save. */
const FREE = [rax, rcx, rdx, rsi, r8, r9, r10, r11];
const SAVED = [rbx, r12, r13, r14, r15];
const FRAME_ALIGNMENT = 64;

/**
 * What a function may use. Functions of `avx512` have 32 vector registers of 512 bits, the others 16 of 256 and no EVEX; of
 * those only `avxVnni` may multiply bytes by vpdpbusd.
 */
export type Level = 'avx2' | 'avxVnni' | 'avx512';

/** Builds one function; made by `Assembler.addFunction`. */
export class FunctionBuilder {
  readonly name: string;
  readonly level: Level;
  readonly #items: Item[] = [];
  readonly #general: General[] = [...FREE, ...SAVED];
  readonly #vectors: number[];
  readonly #saved = new Set<General>();
  #numLabels = 0;
  #frameBytes = 0;

  constructor(name: string, level: Level) {
    this.name = name;
    this.level = level;
    this.#vectors = Array.from({ length: level === 'avx512' ? 32 : 16 }, (_, code) => code);
  }

  /** Append an instruction; operands in Intel's order. Throws if no form takes them, or the level lacks it. */
  emit(op: Mnemonic, ...operands: readonly Operand[]): this {
    try {
      const encoded = encode(op, operands);
      this.#requireLevel(op, operands, encoded);
      this.#items.push({ kind: 'code', encoded, op, operands });
    } catch (error) {
      if (!(error instanceof CeladonError)) throw error;
      throw new CeladonError(`function ${this.name}: ${error.message}`);
    }
    return this;
  }

  #requireLevel(op: Mnemonic, operands: readonly Operand[], { bytes }: Encoded): void {
    const { level } = this;
    if (level === 'avx512') return;
    const without = bytes[0] === 0x62 ? 'AVX-512' : op === 'vpdpbusd' ? 'AVX-VNNI' : undefined;
    if (without === undefined || (level === 'avxVnni' && without === 'AVX-VNNI')) return;
    const text = formatInstruction(op, operands);
    throw new CeladonError(`an ${level} function must do without ${without}, not ${text}`);
  }

  /** A general register of one's own until `free`. Throws when none is left. */
  general(): General {
    const register = this.#general.shift();
    if (!register) throw this.#exhausted('general');
    if (SAVED.includes(register)) this.#saved.add(register);
    return register;
  }

  /** A vector register of one's own until `free`. Throws when none is left. */
  vector(bits: Vector['bits']): Vector {
    const code = this.#vectors.shift();
    if (code === undefined) throw this.#exhausted('vector');
    return vector(bits, code);
  }

  /** Several vector registers. */
  vectors(bits: Vector['bits'], count: number): Vector[] {
    return Array.from({ length: count }, () => this.vector(bits));
  }

  /** Give registers back. */
  free(...registers: readonly (General | Vector)[]): this {
    for (const register of registers) {
      if (register.kind === 'vector') this.#vectors.unshift(register.code);
      else this.#general.unshift(register);
    }
    return this;
  }

  /** Load cells of memory into registers of one's own. */
  load(...cells: readonly Memory[]): General[] {
    return cells.map((cell) => {
      const register = this.general();
      this.emit('mov', register, cell);
      return register;
    });
  }

  /** Memory of the function's own, for what registers have no room for; 64 bytes and more start a cache line. */
  slot(bytes = 8): Memory {
    const unit = bytes >= FRAME_ALIGNMENT ? FRAME_ALIGNMENT : 8;
    const start = Math.ceil(this.#frameBytes / unit) * unit;
    this.#frameBytes = start + bytes;
    return at(rsp, start);
  }

  /** A new label, to be placed once. */
  label(purpose = 'label'): Label {
    return { kind: 'label', name: `${this.name}.${purpose}${this.#numLabels++}` };
  }

  /** Say that a label is here. */
  place(label: Label): this {
    this.#items.push({ kind: 'label', label });
    return this;
  }

  /** Fill up to a multiple of `bytes` within the function. */
  align(bytes: number): this {
    this.#items.push({ kind: 'align', bytes });
    return this;
  }

  /** Run `body` `count` times, counting the register down to zero; not at all if it is zero. */
  repeat(count: General, body: () => void): this {
    const [next, end] = [this.label('repeat'), this.label('end')];
    this.emit('test', count, count).emit('je', end).align(32).place(next);
    body();
    return this.emit('dec', count).emit('jne', next).place(end);
  }

  /** Run `body` while `register` is at least `amount` (unsigned); the body must make it smaller. */
  whileAtLeast(register: General, amount: number, body: () => void): this {
    const [next, end] = [this.label('while'), this.label('end')];
    this.emit('cmp', register, amount).emit('jb', end).align(32).place(next);
    body();
    return this.emit('cmp', register, amount).emit('jae', next).place(end);
  }

  /** The whole function: registers saved and room made, the code, all restored, return. */
  finish(): Item[] {
    const body = this.#items.splice(0);
    const saved = [...this.#saved];
    const frame = this.#frameBytes > 0;
    if (frame) this.emit('push', rbp).emit('mov', rbp, rsp);
    for (const register of saved) this.emit('push', register);
    if (frame) this.emit('sub', rsp, this.#frameBytes).emit('and', rsp, -FRAME_ALIGNMENT);
    this.#items.push(...body);
    if (this.#usesVectors()) this.emit('vzeroupper');
    if (frame) this.emit('lea', rsp, at(rbp, -8 * saved.length));
    for (const register of saved.toReversed()) this.emit('pop', register);
    if (frame) this.emit('pop', rbp);
    return this.emit('ret').#items;
  }

  #usesVectors(): boolean {
    return this.#items.some((item) => item.kind === 'code' && item.operands.some(isWide));
  }

  #exhausted(kind: string): CeladonError {
    return new CeladonError(
      `function ${this.name} must get along with the ${kind} registers there are`,
    );
  }
}

function isWide(operand: Operand): boolean {
  return typeof operand === 'object' && operand.kind === 'vector' && operand.bits > 128;
}

/** An instruction as Intel's syntax writes it, without widths of memory. */
export function formatInstruction(op: Mnemonic, operands: readonly Operand[]): string {
  return `${op} ${operands.map((operand) => formatOperand(operand)).join(', ')}`.trim();
}

/** The cells of the argument block by name. */
export function blockCells<N extends string>(names: readonly N[]): Readonly<Record<N, Memory>> {
  return Object.fromEntries(names.map((name, i) => [name, at(rdi, 8 * i)])) as Record<N, Memory>;
}
