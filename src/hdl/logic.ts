/**
 * The operators on vectors of bits, written once for values (`Bits`) and circuits (`Signal`).
 *
 * A function over `T extends Logic<T>` is arithmetic in a test and a circuit in the generator:
 *
 * ```ts
 * function multiplyAdd<T extends Logic<T>>(sum: T, a: T, b: T): T {
 *   return sum.add(a.mulS(b).signExtend(sum.width));
 * }
 * ```
 *
 * An interpretation answers four questions: how it makes a constant, a name and an operation, and how
 * errors call it. All widths are decided and checked here. Names end in U or S where it matters
 * whether the bits are an unsigned number or two's complement. A number may stand for an operand
 * wherever the other operand gives its width; -1 is all ones.
 */
import { CeladonError } from '../base/index.ts';
import type { Operator } from './operators.ts';

/** An operand, or a number that becomes a constant of the other operand's width. */
export type Operand<T> = T | number | bigint;

const MAX_WIDTH = 1 << 16;

/** A vector of `width` bits, bit 0 the least significant. */
export abstract class Logic<T extends Logic<T>> {
  readonly width: number;

  constructor(width: number) {
    if (!Number.isInteger(width) || width < 1 || width > MAX_WIDTH) {
      throw new CeladonError(`a width must be an integer from 1 to ${MAX_WIDTH}, not ${width}`);
    }
    this.width = width;
  }

  /** A constant of the same interpretation; of the same width unless given. Throws if it does not fit. */
  abstract constant(value: number | bigint, width?: number): T;
  /** The same under a name that the generated text shows, with a comment above it. */
  abstract named(name: string, comment?: string): T;
  /** How an error message calls it: width and name or value. */
  abstract describe(): string;
  protected abstract operate(
    operator: Operator,
    operands: readonly T[],
    width: number,
    low?: number,
  ): T;

  // ---- bit by bit

  not(): T {
    return this.operate('not', [this.#self], this.width);
  }
  and(other: Operand<T>): T {
    return this.#binary('and', other, this.width);
  }
  or(other: Operand<T>): T {
    return this.#binary('or', other, this.width);
  }
  xor(other: Operand<T>): T {
    return this.#binary('xor', other, this.width);
  }
  /** 1 if all bits are. */
  reduceAnd(): T {
    return this.operate('reduceAnd', [this.#self], 1);
  }
  /** 1 if any bit is. */
  reduceOr(): T {
    return this.operate('reduceOr', [this.#self], 1);
  }
  /** 1 if an odd number of bits is. */
  reduceXor(): T {
    return this.operate('reduceXor', [this.#self], 1);
  }

  // ---- arithmetic

  /** Sum modulo 2^width. */
  add(other: Operand<T>): T {
    return this.#binary('add', other, this.width);
  }
  /** Difference modulo 2^width. */
  sub(other: Operand<T>): T {
    return this.#binary('sub', other, this.width);
  }
  negate(): T {
    return this.constant(0).sub(this.#self);
  }
  /** Exact product; its width is the sum of the operands' widths, which may differ. */
  mulU(other: Operand<T>): T {
    return this.#product('mulU', other);
  }
  /** Exact signed product; its width is the sum of the operands' widths, which may differ. */
  mulS(other: Operand<T>): T {
    return this.#product('mulS', other);
  }

  // ---- comparison, each one bit

  eq(other: Operand<T>): T {
    return this.#binary('eq', other, 1);
  }
  ne(other: Operand<T>): T {
    return this.eq(other).not();
  }
  ltU(other: Operand<T>): T {
    return this.#binary('ltU', other, 1);
  }
  ltS(other: Operand<T>): T {
    return this.#binary('ltS', other, 1);
  }
  geU(other: Operand<T>): T {
    return this.ltU(other).not();
  }
  geS(other: Operand<T>): T {
    return this.ltS(other).not();
  }

  // ---- choice

  /** Of a condition (one bit): the first if it is 1, else the second. */
  mux(whenTrue: Operand<T>, whenFalse: Operand<T>): T {
    this.#require(this.width === 1, 'mux', 'the condition must have 1 bit');
    return this.choose([whenFalse, whenTrue]);
  }
  /** The option this is the index of; the last for every index beyond. At least one gives the width. */
  choose(options: readonly Operand<T>[]): T {
    const model = options.find((option) => option instanceof Logic);
    if (model === undefined || options.length < 2 || options.length > 2 ** this.width) {
      throw new CeladonError(
        `choose: an index of ${this.describe()} must have from 2 to ${2 ** this.width} options, ` +
          `one of them not a number, not ${options.length}`,
      );
    }
    const operands = options.map((option) => model.#match('choose', option));
    return this.operate('mux', [this.#self, ...operands], model.width);
  }

  // ---- wiring

  /** This above the others, which follow from high to low. */
  concat(...lower: readonly T[]): T {
    if (lower.length === 0) return this.#self;
    const width = lower.reduce((sum, part) => sum + part.width, this.width);
    return this.operate('concat', [this.#self, ...lower], width);
  }
  repeat(times: number): T {
    return this.concat(...Array.from({ length: times - 1 }, () => this.#self));
  }
  /** Bits `high` down to `low`, both included, as Verilog's [high:low]. */
  slice(high: number, low: number): T {
    const inside = Number.isInteger(high) && Number.isInteger(low) && 0 <= low && low <= high;
    this.#require(inside && high < this.width, 'slice', `must contain bits ${high} to ${low}`);
    if (high - low + 1 === this.width) return this.#self;
    return this.operate('slice', [this.#self], high - low + 1, low);
  }
  bit(index: number): T {
    return this.slice(index, index);
  }
  /** The lowest `count` bits. */
  low(count: number): T {
    return this.slice(count - 1, 0);
  }
  /** The highest `count` bits. */
  high(count: number): T {
    return this.slice(this.width - 1, this.width - count);
  }
  /** Equal parts of `width` bits, the lowest first. */
  lanes(width: number): T[] {
    this.#require(this.width % width === 0, 'lanes', `must be a multiple of ${width} bits wide`);
    const count = this.width / width;
    return Array.from({ length: count }, (_, i) => this.slice(i * width + width - 1, i * width));
  }
  zeroExtend(width: number): T {
    this.#require(width >= this.width, 'zeroExtend', `must have at most ${width} bits`);
    return width === this.width
      ? this.#self
      : this.constant(0, width - this.width).concat(this.#self);
  }
  signExtend(width: number): T {
    this.#require(width >= this.width, 'signExtend', `must have at most ${width} bits`);
    if (width === this.width) return this.#self;
    const [sign, ...signs] = new Array<T>(width - this.width).fill(this.high(1));
    return sign.concat(...signs, this.#self);
  }

  // ---- shifts; the width stays. By a number they are wiring, by up to 32 bits a shifter.

  /** Zeros move in from below. */
  shl(amount: Operand<T>): T {
    if (amount instanceof Logic) return this.#shifter('shl', amount);
    const n = this.#constantShift(amount);
    if (n === 0) return this.#self;
    const zeros = this.constant(0, n);
    return n === this.width ? zeros : this.low(this.width - n).concat(zeros);
  }
  /** Zeros move in from above. */
  shr(amount: Operand<T>): T {
    if (amount instanceof Logic) return this.#shifter('shr', amount);
    const n = this.#constantShift(amount);
    return n === this.width ? this.constant(0) : this.high(this.width - n).zeroExtend(this.width);
  }
  /** Copies of the sign move in from above. */
  sra(amount: Operand<T>): T {
    if (amount instanceof Logic) return this.#shifter('sra', amount);
    const n = Math.min(this.#constantShift(amount), this.width - 1);
    return this.high(this.width - n).signExtend(this.width);
  }

  get #self(): T {
    return this as unknown as T;
  }

  #binary(operator: Operator, other: Operand<T>, width: number): T {
    return this.operate(operator, [this.#self, this.#match(operator, other)], width);
  }

  #product(operator: Operator, other: Operand<T>): T {
    const operand = other instanceof Logic ? other : this.constant(other);
    return this.operate(operator, [this.#self, operand], this.width + operand.width);
  }

  /** The operand, which must have this width; or the number as a constant of this width. */
  #match(operator: string, other: Operand<T>): T {
    if (!(other instanceof Logic)) return this.constant(other);
    if (other.width === this.width) return other;
    throw new CeladonError(
      `${operator}: both operands must have the same width, not ${this.describe()} and ${other.describe()}`,
    );
  }

  /** NOTE: Verilator 5.006 shifts wrongly by more than 64 bits, so such amounts are no circuit. */
  #shifter(operator: Operator, amount: T): T {
    amount.#require(amount.width <= 32, operator, 'the amount must have at most 32 bits');
    return this.operate(operator, [this.#self, amount], this.width);
  }

  #constantShift(amount: number | bigint): number {
    const ok = Number.isInteger(Number(amount)) && amount >= 0;
    this.#require(ok, 'shift', `must be shifted by a natural number, not ${amount}`);
    return Math.min(Number(amount), this.width);
  }

  #require(condition: boolean, operator: string, requirement: string): void {
    if (condition) return;
    throw new CeladonError(`${operator}: ${requirement}, not ${this.describe()}`);
  }
}

/** Parts joined to one vector, the first part lowest: the inverse of `lanes`. */
export function joinLanes<T extends Logic<T>>(lanes: readonly T[]): T {
  const [highest, ...lower] = lanes.toReversed();
  return highest.concat(...lower);
}
