/**
 * Random operands: rows that span several windows, blocks and banks, in places where they meet.
 */
import type { Random } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import { FORMAT_CODES, MX_FORMATS, NONE, type FieldsOf } from '../isa.table.ts';
import { rowBytesOf, type ByteRange } from './access.ts';
import { memoriesOf } from './banks.ts';

/** The first bytes of the control memory, which loads test and none writes: a load on its way is not seen. */
export const TESTED_BYTES = 64;

/** Bytes of external memory that random programs use. */
export function memoryBytesOf({ memory }: Chip): number {
  return Math.max(8192, 64 * memory.bytesPerCycle);
}

/** Rows (t, j). */
interface Shape {
  readonly rows: number;
  readonly inner: number;
}

/** Bytes from t to t+1 and from j to j+1, and of all rows together. */
interface Tile {
  readonly stride: number;
  readonly inner: number;
  readonly bytes: number;
}

/** Draws the operands of instructions for one chip. */
export class RowDraw {
  protected readonly random: Random;
  protected readonly chip: Chip;
  protected readonly memoryBytes: number;
  /** Places of operands: activations and weights of products have a half each. */
  protected readonly activations: ByteRange;
  protected readonly weights: ByteRange;
  protected readonly scratchpad: ByteRange;
  protected readonly accumulators: ByteRange;
  protected readonly control: ByteRange;

  constructor(random: Random, chip: Chip) {
    this.random = random;
    this.chip = chip;
    this.memoryBytes = memoryBytesOf(chip);
    const { scratchpad, accumulators, 'control memory': control } = memoriesOf(chip);
    const { banks, sizeBytes } = chip.scratchpad;
    const half = (Math.floor(banks / 2) * sizeBytes) / banks;
    this.activations = { start: 0, end: half };
    this.weights = { start: half, end: sizeBytes };
    this.scratchpad = scratchpad;
    this.accumulators = accumulators;
    this.control = control;
  }

  protected int(n: number): number {
    return this.random.int(n);
  }

  protected oneIn(n: number): boolean {
    return this.int(n) === 0;
  }

  /** An address in `range` with `bytes` behind it, where they fit. */
  protected place({ start, end }: ByteRange, bytes: number, unit: number): number {
    const room = Math.max(0, Math.floor((end - start - bytes) / unit));
    return start + unit * this.int(room + 1);
  }

  /** A memory that vector instructions and stores read. */
  protected data(): ByteRange {
    return this.oneIn(2) ? this.scratchpad : this.accumulators;
  }

  /** A word of the control memory, or none. */
  protected count(): number {
    return this.oneIn(2) ? NONE : this.place(this.control, 4, 4);
  }

  protected tested(): number {
    const { start } = this.control;
    return this.oneIn(2) ? NONE : this.place({ start, end: start + TESTED_BYTES }, 4, 4);
  }

  protected list(rows: number): number {
    return this.place(this.control, 4 * rows, 4);
  }

  protected shape(): Shape {
    return { rows: this.oneIn(8) ? this.int(20) : this.int(6), inner: 1 + this.int(3) };
  }

  /** Columns of f32 rows: whole blocks, or any. */
  protected columns(): number {
    const { lanes } = this.chip.vector;
    if (this.oneIn(3)) return 1 + this.int(2 * lanes);
    return MX_BLOCK * (1 + this.int((3 * lanes) / MX_BLOCK));
  }

  /** Rows that are apart, with a little room between them. */
  protected apart(shape: Shape, rowBytes: number, unit: number): Tile {
    const inner = rowBytes + unit * this.int(3);
    return tileOf(shape, shape.inner * inner + unit * this.int(3), inner, rowBytes);
  }

  /** Rows that are apart, the same row again and again, or overlap. */
  protected anyRows(shape: Shape, rowBytes: number, unit: number): Tile {
    if (this.oneIn(2)) return this.apart(shape, rowBytes, unit);
    if (this.oneIn(2)) return tileOf(shape, 0, 0, rowBytes);
    return tileOf(shape, unit * this.int(24), unit * this.int(24), rowBytes);
  }

  protected source(
    shape: Shape,
    columns: number,
    format: number = FORMAT_CODES.f32,
  ): Pick<FieldsOf<'silu'>, 'a' | 'aStride' | 'aInner'> {
    const unit = format === FORMAT_CODES.bf16 ? 2 : 4;
    const { stride, inner, bytes } = this.anyRows(shape, rowBytesOf(columns, format), unit);
    return { a: this.place(this.data(), bytes, unit), aStride: stride, aInner: inner };
  }

  /** f32 rows, or with `group` a multiple of 32 that divides the columns, MX rows. */
  protected destination(
    shape: Shape,
    columns: number,
    group: number,
  ): Pick<FieldsOf<'silu'>, 'd' | 'dStride' | 'dInner' | 'dFormat' | 'group'> {
    const quantised = columns % MX_BLOCK === 0 && this.oneIn(3);
    const dFormat = FORMAT_CODES[quantised ? this.chip.matrix.activationFormat : 'f32'];
    const unit = MX_FORMATS.has(dFormat) ? 1 : 4;
    const { stride, inner, bytes } = this.apart(shape, rowBytesOf(columns, dFormat), unit);
    const d = this.place(this.data(), bytes, unit);
    return { d, dStride: stride, dInner: inner, dFormat, group: quantised ? group : 0 };
  }

  /** Fields that row-wise instructions share; sometimes the result is over the operand. */
  protected unary(): Omit<FieldsOf<'silu'>, 'rowCount'> {
    const [shape, columns] = [this.shape(), this.columns()];
    const group = MX_BLOCK * 2 ** this.int(Math.log2(this.chip.vector.lanes / MX_BLOCK) + 1);
    const d = this.destination(shape, columns, columns % group === 0 ? group : MX_BLOCK);
    const inPlace = d.dFormat === FORMAT_CODES.f32 && this.oneIn(4);
    const a = inPlace
      ? { a: d.d, aStride: d.dStride, aInner: d.dInner }
      : this.source(shape, columns);
    return { ...a, ...shape, columns, ...d };
  }

  /** Rows of a and d, of d sometimes over those of a. */
  protected f32Rows(): Omit<FieldsOf<'silu'>, 'dFormat' | 'group' | 'rowCount'> {
    const [shape, columns] = [this.shape(), this.columns()];
    const { stride: dStride, inner: dInner, bytes } = this.apart(shape, 4 * columns, 4);
    const d = this.place(this.data(), bytes, 4);
    const a = this.oneIn(4)
      ? { a: d, aStride: dStride, aInner: dInner }
      : this.source(shape, columns);
    return { ...a, ...shape, columns, d, dStride, dInner };
  }
}

export function tileOf(
  { rows, inner }: Shape,
  stride: number,
  innerStride: number,
  rowBytes: number,
): Tile {
  const [lastT, lastJ] = [Math.floor((rows - 1) / inner), Math.min(inner, rows) - 1];
  const bytes = rows === 0 ? 0 : lastT * stride + lastJ * innerStride + rowBytes;
  return { stride, inner: innerStride, bytes };
}
