/**
 * Matrix products in f32, weights as stored: out[m][n] = Σ_k x[m][k]·w[n][k].
 *
 * A tile is up to six rows of x times four rows of w; its sums are vectors over k in ascending order, then the
 * sum of the lanes, whatever the tile. A strip of w, four rows, serves all rows of x before the next is read.
 */
import {
  half,
  mask,
  zeroing,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Label,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import { advanceCell, copyCell, whilePositive } from './cells.ts';
import { emitReduce } from './lanes.ts';
import { atRow, freeRowPointers, loadRowPointers, type RowPointers } from './rowTile.ts';

/** Arguments. Pointers are addresses, strides bytes; M, N and K count elements. None is zero. */
export const LINEAR = [
  ...(['x', 'xStride', 'w', 'wStride', 'out', 'outStride', 'M', 'N', 'K'] as const),
];

type Block = Readonly<Record<(typeof LINEAR)[number], Memory>>;

const ROWS = [6, 3, 1];
const COLUMNS = [4, 1];
const LANES = 16;
const TAIL = mask(1);
/** Past the page, where the hardware stops by itself. */
const AHEAD_BYTES = 4096;

/** Adds `linear`. */
export function addLinear(assembler: Assembler): Label {
  return assembler.addFunction('linear', LINEAR, (f, block) => new Linear(f, block).emit());
}

class Linear {
  readonly #f: FunctionBuilder;
  readonly #block: Block;
  readonly #w: Memory;
  readonly #outStrip: Memory;
  readonly #columnsLeft: Memory;
  readonly #x: Memory;
  readonly #out: Memory;
  readonly #rowsLeft: Memory;

  constructor(f: FunctionBuilder, block: Block) {
    this.#f = f;
    this.#block = block;
    [this.#w, this.#outStrip, this.#columnsLeft] = [f.slot(), f.slot(), f.slot()];
    [this.#x, this.#out, this.#rowsLeft] = [f.slot(), f.slot(), f.slot()];
  }

  emit(): void {
    const f = this.#f;
    this.#setTail();
    copyCell(f, this.#w, this.#block.w);
    copyCell(f, this.#outStrip, this.#block.out);
    copyCell(f, this.#columnsLeft, this.#block.N);
    whilePositive(f, this.#columnsLeft, () => {
      this.#choose(this.#columnsLeft, COLUMNS, (columns) => {
        copyCell(f, this.#x, this.#block.x);
        copyCell(f, this.#out, this.#outStrip);
        copyCell(f, this.#rowsLeft, this.#block.M);
        whilePositive(f, this.#rowsLeft, () =>
          this.#choose(this.#rowsLeft, ROWS, (rows) => this.#emitTile(rows, columns)),
        );
        advanceCell(f, this.#w, this.#block.wStride, columns);
        f.emit('add', this.#outStrip, 4 * columns).emit('sub', this.#columnsLeft, columns);
      });
    });
  }

  /** The mask of the last vector of a row, which may be empty. */
  #setTail(): void {
    const f = this.#f;
    const [count, bits] = [...f.load(this.#block.K), f.general()] as [General, General];
    f.emit('and', count, LANES - 1)
      .emit('mov', bits, -1)
      .emit('bzhi', bits, bits, count);
    f.emit('kmovw', TAIL, half(bits)).free(bits, count);
  }

  /** The body for the largest of `sizes` that a cell reaches. */
  #choose(cell: Memory, sizes: readonly number[], body: (size: number) => void): void {
    const f = this.#f;
    const end = f.label('chosen');
    for (const size of sizes) {
      const smaller = f.label('smaller');
      f.emit('cmp', cell, size).emit('jl', smaller);
      body(size);
      f.emit('jmp', end).place(smaller);
    }
    f.place(end);
  }

  #emitTile(rows: number, columns: number): void {
    const f = this.#f;
    const x = loadRowPointers(f, { base: this.#x, stride: this.#block.xStride }, rows);
    const w = loadRowPointers(f, { base: this.#w, stride: this.#block.wStride }, columns);
    const [vectors] = f.load(this.#block.K) as [General];
    const sums = Array.from({ length: rows }, () => f.vectors(512, columns));
    const [weights, values] = [f.vectors(512, columns), f.vector(512)];
    for (const sum of sums.flat()) f.emit('vpxord', sum, sum, sum);
    const multiply = (masked: (vector: Vector) => Vector): void => {
      weights.forEach((weight, n) => f.emit('vmovups', masked(weight), atRow(w, n, 0)));
      sums.forEach((row, m) => {
        f.emit('vmovups', masked(values), atRow(x, m, 0));
        row.forEach((sum, n) => f.emit('vfmadd231ps', sum, values, weights[n]!));
      });
    };
    f.emit('shr', vectors, 4).repeat(vectors, () => {
      if (rows === 1) f.emit('prefetcht0', atRow(w, columns - 1, AHEAD_BYTES));
      multiply((vector) => vector);
      f.emit('add', x.base, 4 * LANES).emit('add', w.base, 4 * LANES);
    });
    const whole = f.label('whole');
    f.emit('mov', vectors, this.#block.K)
      .emit('and', vectors, LANES - 1)
      .emit('je', whole);
    multiply((vector) => zeroing(vector, TAIL));
    f.place(whole).free(vectors, values, ...weights);
    freeRowPointers(f, w);
    freeRowPointers(f, x);
    this.#storeTile(sums);
  }

  #storeTile(sums: readonly (readonly Vector[])[]): void {
    const f = this.#f;
    const out: RowPointers = loadRowPointers(
      f,
      { base: this.#out, stride: this.#block.outStride },
      sums.length,
    );
    sums.forEach((row, m) =>
      row.forEach((sum, n) => {
        emitReduce(f, 'vaddps', sum);
        f.emit('vmovss', atRow(out, m, 4 * n), { ...sum, bits: 128 });
      }),
    );
    freeRowPointers(f, out);
    f.free(...sums.flat());
    advanceCell(f, this.#x, this.#block.xStride, sums.length);
    advanceCell(f, this.#out, this.#block.outStride, sums.length);
    f.emit('sub', this.#rowsLeft, sums.length);
  }
}
