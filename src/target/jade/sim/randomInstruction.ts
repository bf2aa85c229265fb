/**
 * Random legal instructions. Shapes are drawn so that rows span several windows, blocks and banks, and
 * so that operands meet; what is not legal (check.ts) is drawn again. Activations of products lie in
 * the first half of the scratchpad, weights in the second, so no bank has both.
 */
import { UsageError } from '../../../base/index.ts';
import { MX_BLOCK } from '../../../ir/index.ts';
import {
  blockBytes,
  FORMAT_CODES,
  NONE,
  type Fields,
  type FieldsOf,
  type Instruction,
  type Opcode,
} from '../isa.table.ts';
import type { ByteRange } from './access.ts';
import { problemsOf } from './check.ts';
import { RowDraw, TESTED_BYTES, tileOf } from './randomRows.ts';

/** The largest value in a position register: bounds what transfers touch. */
export const MAX_POSITION = 40;

/** Draws that may be illegal before it is the caller who asks for the impossible. */
const MAX_DRAWS = 1000;

/** An instruction without semaphores. */
export function plain(op: Opcode, fields: Fields): Instruction {
  return { op, fields, wait: 0, signal: 0 };
}

/** Draws instructions for one chip. */
export class InstructionDraw extends RowDraw {
  /** The next legal instruction of `op`. */
  instruction(op: Opcode): Instruction {
    const bounds = { memoryBytes: this.memoryBytes, maxPosition: MAX_POSITION };
    for (let i = 0; i < MAX_DRAWS; i++) {
      const instruction = plain(op, this.make[op]());
      if (problemsOf(instruction, this.chip, bounds).length === 0) return instruction;
    }
    throw new UsageError(`the memories of ${this.chip.name} must have room for ${op}`);
  }

  private readonly make: { readonly [O in Opcode]: () => FieldsOf<O> } = {
    load: () => this.load(),
    gather: () => this.gather(),
    store: () => this.transfer(this.data()),
    matmul: () => this.matmul(),
    copy: () => this.copy(),
    add: () => this.binary(),
    mul: () => this.binary(),
    swiglu: () => ({ ...this.binary(), limit: this.oneIn(2) ? 0 : 2 ** (this.int(8) - 2) }),
    silu: () => this.counting(),
    sigmoid: () => this.counting(),
    exp: () => this.counting(),
    softplus: () => this.counting(),
    max: () => this.binary(),
    min: () => this.binary(),
    div: () => this.binary(),
    sum: () => this.sum(),
    signedRoot: () => ({ ...this.counting(), smallest: 2 ** -this.int(120) }),
    rms: () => this.rms(),
    rope: () => this.rope(),
    softmax: () => this.softmax(),
    argmax: () => this.argmax(),
    route: () => this.route(),
    dispatch: () => this.dispatch(),
    combine: () => this.combine(),
    zero: () => this.zero(),
    scale: () => ({ ...this.unary(), ...this.factors(), rowCount: this.count() }),
    scaleAdd: () => this.scaleAdd(),
    topk: () => this.topk(),
    mix: () => this.mix(),
  };

  private transfer(range: ByteRange, unit = 1): FieldsOf<'store'> {
    const { bytesPerCycle } = this.chip.memory;
    const most = this.oneIn(4) ? 3 * bytesPerCycle : 50;
    const rowBytes = unit * this.int(Math.ceil(most / unit));
    const [rows, planes] = [this.int(4), this.int(4)];
    const shape = { rows: rows * planes, inner: Math.max(1, rows) };
    const local = this.anyRows(shape, rowBytes, unit);
    const memory = this.anyRows(shape, rowBytes, 1);
    const positionStride = this.oneIn(2) ? 0 : this.int(24);
    const [positionShift, positionOffset] = this.oneIn(2) ? [0, 0] : [this.int(4), this.int(16)];
    const last = (MAX_POSITION + positionOffset) >> positionShift;
    const reach = memory.bytes + positionStride * last;
    return {
      memory: this.place({ start: 0, end: this.memoryBytes }, reach, 1),
      local: this.place(range, local.bytes, unit),
      ...{ rowBytes, rows, memoryStride: memory.inner, localStride: local.inner },
      ...{ planes, memoryPlaneStride: memory.stride, localPlaneStride: local.stride },
      ...{ positionStride, sequence: this.int(4), positionShift, positionOffset },
    };
  }

  private load(): FieldsOf<'load'> {
    const unless = this.tested();
    const { start, end } = this.control;
    const lists = { start: start + TESTED_BYTES, end };
    if (this.oneIn(4)) return { ...this.transfer(lists, 4), unless };
    return { ...this.transfer(this.scratchpad), unless };
  }

  private gather(): FieldsOf<'gather'> {
    const [rows, limit, rowBytes] = [this.int(6), 1 + this.int(8), this.int(80)];
    const local = this.anyRows({ rows, inner: 1 }, rowBytes, 1);
    const memory = this.anyRows({ rows: limit, inner: 1 }, rowBytes, 1);
    return {
      memory: this.place({ start: 0, end: this.memoryBytes }, memory.bytes, 1),
      local: this.place(this.scratchpad, local.bytes, 1),
      ...{ rowBytes, rows, memoryStride: memory.stride, localStride: local.stride },
      ...{ list: this.list(rows), limit },
    };
  }

  private matmul(): FieldsOf<'matmul'> {
    const { activationFormat, weightFormat, columns: width } = this.chip.matrix;
    const transposed = this.int(2);
    const format = transposed === 1 || this.oneIn(2) ? activationFormat : weightFormat;
    const k = MX_BLOCK * (1 + this.int(3));
    const unit = transposed === 1 ? MX_BLOCK : 1;
    const columns = unit * (1 + this.int(Math.ceil((2.5 * width) / unit)));
    const listed = this.oneIn(3);
    const shape = { ...this.shape(), ...(listed && { inner: 1 }) };
    const a = this.anyRows(shape, (k / MX_BLOCK) * blockBytes(activationFormat), 1);
    const c = this.apart({ rows: shape.rows, inner: 1 }, 4 * columns, 4);
    return {
      ...{ a: this.place(this.activations, a.bytes, 1), aStride: a.stride, aInner: a.inner },
      ...{ ...shape, k, ...this.weightFields(blockBytes(format), k, columns, transposed) },
      ...{ wFormat: FORMAT_CODES[format], columns, transposed },
      ...{ c: this.place(this.accumulators, c.bytes, 4), cStride: c.stride },
      ...{ accumulate: this.int(2), rowCount: this.count() },
      rowList: listed ? this.list(shape.rows) : NONE,
    };
  }

  /** Packed, by row, or transposed. */
  private weightFields(
    block: number,
    k: number,
    columns: number,
    transposed: number,
  ): Pick<FieldsOf<'matmul'>, 'w' | 'wStride' | 'wBlockStride'> {
    const [rows, width] = transposed === 1 ? [k, columns] : [columns, k];
    const blocks = width / MX_BLOCK;
    const packed = transposed === 0 && this.oneIn(2);
    const [wStride, wBlockStride] = packed
      ? [block, rows * block + this.int(3)]
      : [blocks * block + this.int(3), block];
    const { bytes } = tileOf({ rows: rows * blocks, inner: blocks }, wStride, wBlockStride, block);
    return { w: this.place(this.weights, bytes, 1), wStride, wBlockStride };
  }

  private counting(): FieldsOf<'silu'> {
    return { ...this.unary(), rowCount: this.count() };
  }

  private binary(): FieldsOf<'add'> {
    const unary = this.counting();
    const { a: b, aStride: bStride, aInner: bInner } = this.source(unary, unary.columns);
    const second = this.oneIn(6)
      ? { b: unary.d, bStride: unary.dStride, bInner: unary.dInner }
      : { b, bStride, bInner };
    return { ...unary, ...second };
  }

  private copy(): FieldsOf<'copy'> {
    const [shape, columns] = [this.shape(), this.columns()];
    const aFormat = this.oneIn(2) ? FORMAT_CODES.f32 : FORMAT_CODES.bf16;
    const d = this.destination(shape, columns, this.oneIn(2) ? MX_BLOCK : columns);
    const source = this.source(shape, columns, aFormat);
    return { ...source, ...shape, columns, ...d, rowCount: this.count(), aFormat };
  }

  private rms(): FieldsOf<'rms'> {
    const unary = this.unary();
    const b = this.place(this.data(), 4 * unary.columns, 4);
    const inverse = Math.fround(1 / unary.columns);
    return { ...unary, b, epsilon: 2 ** -this.int(20), inverse };
  }

  private rope(): FieldsOf<'rope'> {
    const unary = this.unary();
    const { a: b, aStride: bStride } = this.source(unary, unary.columns);
    return { ...unary, b, bStride, interleaved: this.int(2) };
  }

  private softmax(): FieldsOf<'softmax'> {
    const unary = this.unary();
    const b = this.oneIn(2) ? NONE : this.place(this.data(), unary.columns, 1);
    return { ...unary, b, scale: 2 ** -this.int(4), ...this.visible() };
  }

  private visible(): Pick<FieldsOf<'topk'>, 'sequence' | 'first' | 'always' | 'shift'> {
    const more = this.oneIn(2)
      ? { always: 0, shift: 0 }
      : { always: this.int(2) * this.int(40), shift: this.int(7) };
    return { sequence: this.int(4), first: this.int(8), ...more };
  }

  /** A number a row; of words that are near, far, or one for all. */
  private factors(): Pick<FieldsOf<'scale'>, 'b' | 'bStride' | 'bInner'> {
    const [bStride, bInner] = [4 * this.int(12), 4 * this.int(4)];
    return { b: this.place(this.data(), 20 * bStride + 4 * bInner, 4), bStride, bInner };
  }

  private scaleAdd(): FieldsOf<'scaleAdd'> {
    return { ...this.f32Rows(), ...this.factors() };
  }

  private topk(): FieldsOf<'topk'> {
    const rows = this.f32Rows();
    const topK = 1 + this.int(Math.min(rows.columns, 6));
    return { ...rows, topK, ...this.visible() };
  }

  private mix(): FieldsOf<'mix'> {
    const [rows, terms, columns] = [this.int(5), 1 + this.int(5), this.columns()];
    const { a, aStride, aInner } = this.source({ rows: rows * terms, inner: terms }, columns);
    const d = this.anyRows({ rows, inner: 1 }, 4 * columns, 4);
    return {
      ...{ a, aStride, aInner, ...this.factors(), rows, terms, columns },
      ...{ d: this.place(this.data(), d.bytes, 4), dStride: d.stride, accumulate: this.int(2) },
    };
  }

  private argmax(): FieldsOf<'argmax'> {
    const [shape, columns] = [this.shape(), this.columns()];
    const dStride = 8 * shape.inner + 4 * this.int(3);
    const { bytes } = tileOf(shape, dStride, 8, 8);
    const d = { d: this.place(this.data(), bytes, 4), dStride };
    const [base, accumulate] = [this.int(100), this.int(2)];
    return { ...this.source(shape, columns), ...shape, columns, ...d, base, accumulate };
  }

  private sum(): FieldsOf<'sum'> {
    const [shape, columns] = [this.shape(), this.columns()];
    const d = this.apart(shape, 4, 4);
    const at = { d: this.place(this.data(), d.bytes, 4), dStride: d.stride, dInner: d.inner };
    return { ...this.source(shape, columns), ...shape, columns, ...at, scale: this.int(5) - 2 };
  }

  private route(): FieldsOf<'route'> {
    const shape = { rows: this.int(5), inner: 1 };
    const groups = 2 ** this.int(3);
    const columns = groups * (1 + this.int(this.chip.vector.lanes / 2));
    const topGroups = 1 + this.int(groups);
    const { a, aStride } = this.source(shape, columns);
    const d = this.apart(shape, 4 * columns, 4);
    const { a: b, aStride: bStride } = this.source(shape, columns);
    return {
      ...{ a, aStride, b: this.oneIn(2) ? NONE : b, bStride, groupByBest: this.int(2) },
      ...{ rows: shape.rows, columns, d: this.place(this.data(), d.bytes, 4), dStride: d.stride },
      ...{ topK: 1 + this.int(Math.min(8, (columns / groups) * topGroups)), groups, topGroups },
      ...{ scoring: this.int(3), normalize: this.int(2), scale: 1 + this.int(3) },
    };
  }

  private dispatch(): FieldsOf<'dispatch'> {
    const [rows, columns] = [this.int(6), 1 + this.int(10)];
    const { a, aStride } = this.source({ rows, inner: 1 }, columns);
    const lists = this.apart({ rows: columns, inner: 1 }, 4 * rows, 4);
    return {
      ...{ a, aStride, rows, columns, d: this.list(columns) },
      ...{ list: this.place(this.control, lists.bytes, 4), listStride: lists.stride },
    };
  }

  private combine(): FieldsOf<'combine'> {
    const [rows, columns] = [this.int(6), this.columns()];
    const { a, aStride } = this.source({ rows, inner: 1 }, columns);
    const gates = this.anyRows({ rows, inner: 1 }, 4, 4);
    const d = this.anyRows({ rows, inner: 1 }, 4 * columns, 4);
    return {
      ...{ a, aStride, rows, columns, d: this.place(this.data(), d.bytes, 4), dStride: d.stride },
      ...{ gate: this.place(this.data(), gates.bytes, 4), gateStride: gates.stride },
      ...{ list: this.list(rows), rowCount: this.count() },
    };
  }

  private zero(): FieldsOf<'zero'> {
    const [rows, columns] = [this.int(6), this.columns()];
    const { stride, bytes } = this.apart({ rows, inner: 1 }, 4 * columns, 4);
    return { d: this.place(this.data(), bytes, 4), dStride: stride, rows, columns };
  }
}
