/** Time of the vector unit: closed forms of the fields, the chip and the real number of rows. */
import { type Chip } from '../../../chip/index.ts';
import { FORMAT_CODES, type Fields, type Instruction, type Opcode } from '../isa.table.ts';
import { type Span, type UnitTiming } from './unitTiming.ts';

/** Passes of the row-wise instructions over their rows. */
const PASSES: Partial<Record<Opcode, number>> = {
  copy: 1,
  add: 2,
  mul: 2,
  swiglu: 2,
  silu: 1,
  rms: 2,
  rope: 2,
  softmax: 3,
  argmax: 1,
  dispatch: 1,
  combine: 2,
  zero: 1,
};

/** Cycles `op` keeps the unit busy with `rows` rows. */
export function vectorCycles(op: Opcode, fields: Fields, chip: Chip, rows: number): number {
  const { lanes, operationCycles } = chip.vector;
  if (rows === 0) return 1;
  return (
    rows * Math.ceil(fields['columns']! / lanes) * passesOf(op, fields, lanes) + operationCycles
  );
}

/** A scale over more elements than lanes is one more pass. */
function passesOf(op: Opcode, fields: Fields, lanes: number): number {
  if (op === 'route') return 4 + fields['topGroups']! + fields['topK']!;
  const quantises = (fields['dFormat'] ?? FORMAT_CODES.f32) !== FORMAT_CODES.f32;
  return PASSES[op]! + (quantises && fields['group']! > lanes ? 1 : 0);
}

export class VectorTiming implements UnitTiming<number> {
  private readonly chip: Chip;

  constructor(chip: Chip) {
    this.chip = chip;
  }

  ready(): number {
    return 0;
  }

  cost({ op, fields }: Instruction, rows: number): number {
    return vectorCycles(op, fields, this.chip, rows);
  }

  start(cycles: number, start: number): Span {
    const end = start + cycles;
    return { from: start, to: end, end, free: end };
  }
}
