import { CeladonError } from '../base/index.ts';
import { Logic } from './logic.ts';
import { evaluate, type Operator } from './operators.ts';

/** A value of `width` bits: the interpretation of `Logic` that computes. Immutable and exact. */
export class Bits extends Logic<Bits> {
  /** As an unsigned number. */
  readonly value: bigint;

  /** Throws unless -2^(width-1) <= value < 2^width. */
  constructor(width: number, value: number | bigint) {
    super(width);
    this.value = encode(width, value);
  }

  /** In two's complement. */
  get signed(): bigint {
    return BigInt.asIntN(this.width, this.value);
  }

  constant(value: number | bigint, width: number = this.width): Bits {
    return new Bits(width, value);
  }

  /** Values have no names; this lets one function serve circuits too. */
  named(): Bits {
    return this;
  }

  describe(): string {
    return `${this.width} bits (0x${this.value.toString(16)})`;
  }

  protected operate(operator: Operator, operands: readonly Bits[], width: number, low = 0): Bits {
    return new Bits(width, evaluate(operator, operands, width, low));
  }
}

/** The bits of a number as an unsigned number. Throws if the number does not fit, signed or unsigned. */
export function encode(width: number, value: number | bigint): bigint {
  const integer =
    typeof value === 'bigint' || Number.isSafeInteger(value) ? BigInt(value) : undefined;
  const limit = 1n << BigInt(width);
  if (integer === undefined || integer >= limit || integer < -limit / 2n) {
    throw new CeladonError(
      `a constant of ${width} bits must be an integer that fits, not ${value}`,
    );
  }
  return BigInt.asUintN(width, integer);
}
