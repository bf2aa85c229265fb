/** Random vector instructions with their memory: what the tests of the unit run. */
import { plainDot } from '../../src/target/jade/arith/dot.ts';
import type { Random } from '../../src/base/index.ts';
import type { Chip } from '../../src/chip/index.ts';
import {
  FORMAT_CODES,
  ISA,
  NONE,
  type Fields,
  type Opcode,
} from '../../src/target/jade/isa.table.ts';
import { createState, type ChipState } from '../../src/target/jade/sim/state.ts';

export const VECTOR_OPCODES = (Object.keys(ISA) as Opcode[]).filter(
  (op) => ISA[op].queue === 'vector',
);

/** An instruction, and the chip as it finds it. */
export interface VectorCase {
  readonly op: Opcode;
  readonly fields: Fields;
  readonly state: ChipState;
}

/** Bytes of each operand's area. */
const AREA = 0x8000;
const [A, B, D, GATE] = [0x40, AREA, 2 * AREA, 3 * AREA];

/** Bits of local addresses of these chips. */
export const ADDRESS_BITS = 18;

/** A small chip with these vector lanes and contexts. */
export function testChip(
  nano: Chip,
  lanes: number,
  operationCycles: number,
  format: 'mxint8' | 'mxfp8',
): Chip {
  return {
    ...nano,
    matrix: { ...nano.matrix, activationFormat: format },
    vector: { lanes, operationCycles },
    scratchpad: { ...nano.scratchpad, sizeBytes: 4 * AREA },
    accumulator: { ...nano.accumulator, sizeBytes: AREA },
  };
}

const CONTROL = 5 * AREA;
const [COUNT, LIST, ENTRIES] = [CONTROL, CONTROL + 64, CONTROL + 512];

/** A random instruction of an opcode. */
export function randomCase(random: Random, op: Opcode, chip: Chip): VectorCase {
  const state = createState(chip, 0, plainDot);
  fillMemory(random, state);
  const maker = new CaseMaker(random, chip, state);
  const fields: Record<string, number> = maker.fields(op);
  for (const name of Object.keys(fields)) {
    if (!ISA[op].fields.some((field) => field.name === name)) delete fields[name];
  }
  return { op, fields, state };
}

/** Numbers of like sizes, with a special now and then. */
function fillMemory(random: Random, { localF32, localU32, positions }: ChipState): void {
  const specials = [0, -0, Infinity, -Infinity, NaN, 1e-42, 3e38, -1e-39];
  const [range, rare] = [1 + random.int(10), [30, 400, 100000][random.int(3)]!];
  for (let i = 0; i < localF32.length; i++) {
    const isSpecial = random.int(rare) === 0;
    const value = (random.float() - 0.5) * 2 ** (random.int(range) - range / 2 + 1);
    localF32[i] = isSpecial ? specials[random.int(specials.length)]! : value;
    if (localF32[i] !== localF32[i]) localU32[i] = 0x7fc00000;
  }
  for (let i = 0; i < positions.length; i++) positions[i] = random.int(80);
}

/** Instructions whose results are always f32: a few words a row, or rows. */
const FLAT: readonly Opcode[] = ['argmax', 'zero', 'sum'];
const F32_ROWS: readonly Opcode[] = ['scaleAdd', 'topk'];

class CaseMaker {
  readonly random: Random;
  readonly lanes: number;
  readonly chip: Chip;
  readonly state: ChipState;

  constructor(random: Random, chip: Chip, state: ChipState) {
    this.random = random;
    this.chip = chip;
    this.lanes = chip.vector.lanes;
    this.state = state;
  }

  fields(op: Opcode): Record<string, number> {
    if (op === 'route') return this.route();
    if (op === 'dispatch') return this.dispatch();
    if (op === 'combine') return this.combine();
    if (op === 'mix') return this.mix();
    const shape = this.shape(op);
    return { ...shape, ...this.parameters(op, shape['columns']!), ...this.rowCount(op, shape) };
  }

  private pick<T>(...choices: readonly T[]): T {
    return choices[this.random.int(choices.length)]!;
  }

  /** Rows, strides and the destination. */
  private shape(op: Opcode): Record<string, number> {
    const { random, lanes } = this;
    const rows = 1 + random.int(7);
    const inner = this.pick(1, 2, rows);
    const isF32 = FLAT.includes(op) || F32_ROWS.includes(op);
    const quantises = !isF32 && random.int(2) === 0;
    const isWide = op === 'copy' && random.int(3) === 0;
    const group = isWide
      ? this.pick(96, 2 * lanes, 3 * lanes)
      : 32 << random.int(Math.log2(lanes / 32) + 1);
    const halves = op === 'rope' ? 2 : 1;
    const free = op === 'rope' ? 2 + 2 * random.int(70) : 1 + random.int(140);
    const columns = quantises ? group * halves * (1 + random.int(3)) : free;
    const gap = (): number => 4 * random.int(3);
    const inRow = columns * 4 + gap();
    const destination = quantises ? (columns / 32) * 33 + random.int(3) : columns * 4 + gap();
    const isPlaced = quantises || op === 'topk' || random.int(3) > 0;
    return {
      a: A,
      aInner: inRow,
      aStride: inner * inRow + gap(),
      b: B + gap(),
      bInner: this.pick(0, inRow),
      bStride: this.pick(0, inner * inRow),
      rows,
      inner,
      columns,
      d: isPlaced ? D + (quantises ? random.int(5) : gap()) : A,
      dInner: isPlaced ? destination : inRow,
      dStride: isPlaced ? inner * destination + (quantises ? random.int(9) : gap()) : inner * inRow,
      dFormat: quantises ? FORMAT_CODES[this.chip.matrix.activationFormat] : FORMAT_CODES.f32,
      group: quantises ? group : 0,
      ...(isPlaced ? {} : { aStride: inner * inRow }),
    };
  }

  private parameters(op: Opcode, columns: number): Record<string, number> {
    const { random } = this;
    const tables: Partial<Record<Opcode, Record<string, number>>> = {
      copy: this.halves(),
      rms: { epsilon: Math.fround(1e-6), inverse: Math.fround(1 / columns) },
      rope: { interleaved: random.int(2) },
      argmax: { base: random.int(1 << 17), accumulate: random.int(2) },
      softmax: {
        b: this.pick(NONE, B + 4),
        scale: Math.fround(random.float()),
        ...this.visible(),
      },
      topk: { topK: 1 + random.int(Math.min(5, columns)), ...this.visible() },
      swiglu: { limit: this.pick(0, 0.5, 2) },
      signedRoot: { smallest: this.pick(2 ** -126, 2 ** -3) },
      sum: { scale: Math.fround(random.float() - 0.5) },
    };
    return { ...tables[op], ...(FLAT.includes(op) ? this.words(op, columns) : {}) };
  }

  /** Destinations that are always f32: pairs of words, or rows. */
  private words(op: Opcode, columns: number): Record<string, number> {
    for (let i = 0; i < 200; i++) this.state.localU32[D / 4 + 2 * i + 1] = this.random.int(1 << 20);
    return { d: D, dStride: op === 'zero' ? 4 * columns + 4 : 64, dInner: 8 };
  }

  /** A source of bf16 must not lie where the f32 destination goes. */
  private halves(): Record<string, number> {
    return this.random.int(3) > 0
      ? { aFormat: FORMAT_CODES.f32 }
      : {
          aFormat: FORMAT_CODES.bf16,
          a: B + 2,
          aInner: 600,
          aStride: 4300,
          d: D,
          dInner: 1700,
          dStride: 1700 * 7,
        };
  }

  private rowCount(op: Opcode, { rows }: Record<string, number>): Record<string, number> {
    if (op === 'rms' || this.random.int(2) === 0) return { rowCount: NONE };
    this.state.localI32[COUNT / 4] = this.random.int(rows! + 3) - 1;
    return { rowCount: COUNT };
  }

  /** What rows see: a column a position, or some always and a column for several. */
  private visible(): Record<string, number> {
    const { random } = this;
    const more = { always: random.int(50), shift: random.int(7) };
    return {
      ...{ sequence: random.int(128), first: random.int(40) },
      ...this.pick({ always: 0, shift: 0 }, more),
    };
  }

  private mix(): Record<string, number> {
    const { random } = this;
    const [rows, terms, columns] = [1 + random.int(6), 1 + random.int(5), 1 + random.int(140)];
    const aInner = this.pick(0, 4 * columns);
    return {
      ...{ a: A, aInner, aStride: this.pick(aInner * terms + 8, 4 * columns) },
      ...{ b: B, bInner: this.pick(0, 4, 20), bStride: this.pick(0, 4 * terms, 120) },
      ...{ rows, terms, columns, d: D, dStride: 4 * columns + 4, accumulate: random.int(2) },
    };
  }

  private route(): Record<string, number> {
    const { random } = this;
    const groups = this.pick(1, 2, 3, 4);
    const columns = groups * (1 + random.int(this.pick(4, 24)));
    const topGroups = 1 + random.int(groups);
    const topK = 1 + random.int(Math.min(4, (columns / groups) * topGroups));
    return {
      a: A,
      aStride: 4 * columns + 4,
      b: this.pick(NONE, B),
      rows: 1 + random.int(4),
      columns,
      d: D,
      dStride: 4 * columns,
      topK,
      groups,
      topGroups,
      scoring: random.int(3),
      bStride: this.pick(0, 4 * columns),
      groupByBest: random.int(2),
      normalize: random.int(2),
      scale: Math.fround(2.5),
    };
  }

  private dispatch(): Record<string, number> {
    const { random, state } = this;
    const [rows, columns] = [1 + random.int(9), 1 + random.int(12)];
    const aStride = 4 * columns + 8;
    for (let i = 0; i < rows * columns * 2; i++) {
      state.localF32[A / 4 + random.int((rows * aStride) / 4)] = this.pick(0, 0, -0);
    }
    return { a: A, aStride, rows, columns, d: LIST, list: ENTRIES, listStride: 40 };
  }

  private combine(): Record<string, number> {
    const { random, state } = this;
    const [rows, columns] = [1 + random.int(8), 1 + random.int(140)];
    const rarely = random.int(4) === 0;
    for (let i = 0; i < rows; i++) {
      state.localI32[LIST / 4 + i] = rarely ? random.int(rows + 2) - 1 : (i * 3) % rows;
    }
    state.localI32[COUNT / 4] = random.int(rows + 2);
    return {
      a: A,
      aStride: 4 * columns + 4,
      rows,
      columns,
      d: D,
      dStride: 4 * columns + 8,
      gate: GATE,
      gateStride: 12,
      list: LIST,
      rowCount: COUNT,
    };
  }
}
