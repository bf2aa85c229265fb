/** Which of the 32 columns of a panel's results there are: masks of AVX-512, or a table of masks in memory. */
import {
  at,
  half,
  mask,
  merging,
  zeroing,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Label,
  type Mask,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import { PANEL_ROWS } from '../panels/panelFormats.table.ts';
import { loadAtMost } from './cells.ts';
import { fullVector, isWide } from './width.ts';

/** Loads and stores vectors of the columns that there are; `first` is the first column of the vector. */
export interface Columns {
  /** Set how many columns there are: those of a cell, at most 32. */
  set(left: Memory): void;
  /** Other lanes become zero. */
  load(to: Vector, from: Memory, first: number): void;
  /** Other lanes are not touched. */
  store(to: Memory, from: Vector, first: number): void;
}

export function columnsOf(assembler: Assembler, f: FunctionBuilder): Columns {
  return isWide(f) ? new MaskedColumns(f) : new TabledColumns(f, assembler);
}

/** k1 and k2. */
class MaskedColumns implements Columns {
  readonly #f: FunctionBuilder;

  constructor(f: FunctionBuilder) {
    this.#f = f;
  }

  set(left: Memory): void {
    const f = this.#f;
    const [count, bits] = [f.general(), f.general()];
    loadAtMost(f, count, left, PANEL_ROWS);
    f.emit('mov', bits, -1).emit('bzhi', bits, bits, count);
    f.emit('kmovw', maskAt(0), half(bits)).emit('shr', bits, 16);
    f.emit('kmovw', maskAt(16), half(bits)).free(bits, count);
  }

  load(to: Vector, from: Memory, first: number): void {
    this.#f.emit('vmovups', zeroing(to, maskAt(first)), from);
  }

  store(to: Memory, from: Vector, first: number): void {
    this.#f.emit('vmovups', merging(to, maskAt(first)), from);
  }
}

function maskAt(first: number): Mask {
  return mask(first === 0 ? 1 : 2);
}

/** A table of 32 words of ones and 32 of zeros: from the right word on, as many ones as there are columns. */
class TabledColumns implements Columns {
  readonly #f: FunctionBuilder;
  readonly #table: Label;
  readonly #start: Memory;

  constructor(f: FunctionBuilder, assembler: Assembler) {
    this.#f = f;
    const words = new Int32Array(2 * PANEL_ROWS).fill(-1, 0, PANEL_ROWS);
    this.#table = assembler.constant(new Uint8Array(words.buffer));
    this.#start = f.slot();
  }

  set(left: Memory): void {
    const f = this.#f;
    const [count, start] = [f.general(), f.general()];
    loadAtMost(f, count, left, PANEL_ROWS);
    f.emit('shl', count, 2).emit('lea', start, at(this.#table, 4 * PANEL_ROWS));
    f.emit('sub', start, count).emit('mov', this.#start, start).free(start, count);
  }

  load(to: Vector, from: Memory, first: number): void {
    this.#withLanes(first, (lanes) => this.#f.emit('vmaskmovps', to, lanes, from));
  }

  store(to: Memory, from: Vector, first: number): void {
    this.#withLanes(first, (lanes) => this.#f.emit('vmaskmovps', to, lanes, from));
  }

  #withLanes(first: number, body: (lanes: Vector) => void): void {
    const f = this.#f;
    const [[start], lanes] = [f.load(this.#start) as [General], fullVector(f)];
    f.emit('vmovups', lanes, at(start, 4 * first));
    body(lanes);
    f.free(lanes, start);
  }
}
