/** The size of an operator of the hardware layer: what its area is proportional to. */
import type { OperatorCount } from '../hdl/index.ts';

/**
 * Bits of the operand; of a product those of one operand times those of the other; of a shift by a
 * signal the bits times the stages; of a choice the bits times the options but one. An estimate: an
 * adder made for speed grows faster than its width. Operators come as synthesis sees them (../hdl/liveOperators.ts): without
 * constants, a shift as the bits that it moves.
 */
export function operatorSize({ operator, widths }: Omit<OperatorCount, 'count'>): number {
  const [first, second] = widths;
  switch (operator) {
    case 'mulU':
    case 'mulS':
      return first! * second!;
    case 'shl':
    case 'shr':
    case 'sra':
      return first! * Math.min(second!, Math.ceil(Math.log2(first!)) + 1);
    case 'mux':
      return (first! - 1) * second!;
    default:
      return first!;
  }
}
