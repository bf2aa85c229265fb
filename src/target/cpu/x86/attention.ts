/**
 * Attention of query rows to the keys and values of one head, block by block of 32 keys [1]:
 *
 * ```
 * for each block of keys
 *   turn the block around: its column d is 32 lanes
 *   for each tile of query rows
 *     scores, new maximum m, weights p = exp(score − m); sums l and outputs are scaled by exp(m before − m)
 *     out += p · values
 * out ·= 1 / l
 * ```
 *
 * A row's numbers depend on nothing but the row: scores are summed over d in ascending order, blocks start at key 0,
 * so a prompt in one piece and token by token gives the same bits.
 *
 * [1] Dao: FlashAttention-2, https://arxiv.org/abs/2307.08691, algorithm 1
 */
import {
  at,
  half,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Label,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import { emitWeights, KEYS, LANES, LINE_BYTES, offset } from './blockWeights.ts';
import { advanceCell, copyCell, loadAtMost, whilePositive } from './cells.ts';
import { Constants, emitInverse, emitReduce, EXP_CONSTANTS } from './lanes.ts';
import { emitGather, emitTurn } from './rowMoves.ts';
import { atRow, freeRowPointers, loadRowPointers } from './rowTile.ts';

/**
 * Arguments. Pointers are addresses, strides bytes between rows. Row r of `rows` sees the first
 * seen + r·rowStep keys, at least one; `rowStep` is 0 or 1. Widths are elements, multiples of 16; `scale` is an f32
 * in the cell's low half. Limits: `ATTENTION_LIMITS`.
 */
export const ATTENTION = [
  ...(['q', 'qStride', 'keys', 'keyStride', 'values', 'valueStride', 'seen'] as const),
  ...(['out', 'outStride', 'rows', 'rowStep', 'keyWidth', 'valueWidth', 'scale'] as const),
];

/** The most rows of a call, and the widest keys and values: the kernel keeps blocks of them in its own memory. */
export const ATTENTION_LIMITS = {
  rows: 512,
  keyWidth: 640,
  valueWidth: 640,
  widthUnit: 16,
} as const;

type Block = Readonly<Record<(typeof ATTENTION)[number], Memory>>;

const TILES = [6, 4, 2, 1];

/** Adds `attention`. */
export function addAttention(assembler: Assembler): void {
  const constants = new Constants(assembler, [...EXP_CONSTANTS, -Infinity]);
  assembler.addFunction('attention', ATTENTION, (f, block) => {
    new Attention(f, block, constants).emit();
  });
}

class Attention {
  readonly #f: FunctionBuilder;
  readonly #block: Block;
  readonly #constants: Constants;
  /** Keys from here on; in this block; and those that the tile's first row sees, from this block on. */
  readonly #keysLeft: Memory;
  readonly #keysHere: Memory;
  readonly #seen: Memory;
  readonly #keys: Memory;
  readonly #values: Memory;
  readonly #seenByFirst: Memory;
  /** The tile's rows of q, out, maxima and sums. */
  readonly #q: Memory;
  readonly #out: Memory;
  readonly #maximum: Memory;
  readonly #sum: Memory;
  readonly #rowsLeft: Memory;
  readonly #column: Memory;
  /** All rows' maxima, f32, and sums, sixteen lanes each. */
  readonly #maxima: Memory;
  readonly #sums: Memory;
  /** The block of keys turned around, its values, the tile's weights, and the factors of its older sums. */
  readonly #turned: Memory;
  readonly #gathered: Memory;
  readonly #weights: Memory;
  readonly #factors: Memory;

  constructor(f: FunctionBuilder, block: Block, constants: Constants) {
    this.#f = f;
    this.#block = block;
    this.#constants = constants;
    [this.#keysLeft, this.#keysHere, this.#seen, this.#seenByFirst] = slots4(f);
    [this.#keys, this.#values, this.#rowsLeft, this.#column] = slots4(f);
    [this.#q, this.#out, this.#maximum, this.#sum] = slots4(f);
    this.#maxima = f.slot(4 * ATTENTION_LIMITS.rows);
    this.#sums = f.slot(LINE_BYTES * ATTENTION_LIMITS.rows);
    this.#turned = f.slot(4 * KEYS * ATTENTION_LIMITS.keyWidth);
    this.#gathered = f.slot(4 * KEYS * ATTENTION_LIMITS.valueWidth);
    this.#weights = f.slot(4 * KEYS * TILES[0]!);
    this.#factors = f.slot(LINE_BYTES * TILES[0]!);
  }

  emit(): void {
    const f = this.#f;
    this.#startRows();
    this.#countKeys();
    copyCell(f, this.#keys, this.#block.keys);
    copyCell(f, this.#values, this.#block.values);
    whilePositive(f, this.#keysLeft, () => {
      this.#turnKeys();
      this.#gatherValues();
      this.#firstTile();
      whilePositive(f, this.#rowsLeft, () => this.#emitTiles());
      advanceCell(f, this.#keys, this.#block.keyStride, KEYS);
      advanceCell(f, this.#values, this.#block.valueStride, KEYS);
      f.emit('sub', this.#keysLeft, KEYS).emit('sub', this.#seenByFirst, KEYS);
    });
    this.#finishRows();
  }

  /** Maxima −∞, sums and outputs 0. */
  #startRows(): void {
    const f = this.#f;
    const [zero, lowest] = [f.vector(512), f.vector(512)];
    f.emit('vpxord', zero, zero, zero).emit('vbroadcastss', lowest, this.#constants.one(-Infinity));
    this.#firstTile();
    whilePositive(f, this.#rowsLeft, () => {
      const [maximum, sum] = f.load(this.#maximum, this.#sum) as [General, General];
      f.emit('vmovss', at(maximum), { ...lowest, bits: 128 }).emit('vmovups', at(sum), zero);
      f.free(sum, maximum);
      this.#eachOutput((place) => f.emit('vmovups', place, zero));
      this.#nextRows(1);
    });
    f.free(zero, lowest);
  }

  /** How many keys the first row sees, and the last. */
  #countKeys(): void {
    const f = this.#f;
    const [seen, rows, step] = f.load(
      ...[this.#block.seen, this.#block.rows, this.#block.rowStep],
    ) as [General, General, General];
    f.emit('mov', this.#seenByFirst, seen);
    f.emit('dec', rows).emit('imul', rows, step).emit('add', seen, rows);
    f.emit('mov', this.#keysLeft, seen).free(step, rows, seen);
  }

  /** Columns of the next 32 keys into rows of 32 lanes; keys that are not there repeat the last. */
  #turnKeys(): void {
    const f = this.#f;
    const [from, stride, width] = f.load(
      ...[this.#keys, this.#block.keyStride, this.#block.keyWidth],
    ) as [General, General, General];
    const [count, to] = [f.general(), f.general()];
    loadAtMost(f, count, this.#keysLeft, KEYS);
    f.emit('mov', this.#keysHere, count).emit('lea', to, this.#turned);
    emitTurn(f, { from, stride, count, width, to });
    f.free(to, count, width, stride, from);
  }

  /** The values of this block, row behind row: where they are, rows may compete for a few lines of the cache. */
  #gatherValues(): void {
    const f = this.#f;
    const [from, stride, count, width] = f.load(
      ...[this.#values, this.#block.valueStride, this.#keysHere, this.#block.valueWidth],
    ) as [General, General, General, General];
    const to = f.general();
    f.emit('lea', to, this.#gathered);
    emitGather(f, { from, stride, count, width, to });
    f.free(to, width, count, stride, from);
  }

  #firstTile(): void {
    const f = this.#f;
    copyCell(f, this.#q, this.#block.q);
    copyCell(f, this.#out, this.#block.out);
    copyCell(f, this.#rowsLeft, this.#block.rows);
    copyCell(f, this.#seen, this.#seenByFirst);
    const place = f.general();
    f.emit('lea', place, this.#maxima).emit('mov', this.#maximum, place);
    f.emit('lea', place, this.#sums).emit('mov', this.#sum, place).free(place);
  }

  #nextRows(count: number): void {
    const f = this.#f;
    advanceCell(f, this.#q, this.#block.qStride, count);
    advanceCell(f, this.#out, this.#block.outStride, count);
    advanceCell(f, this.#seen, this.#block.rowStep, count);
    f.emit('add', this.#maximum, 4 * count).emit('add', this.#sum, LINE_BYTES * count);
    f.emit('sub', this.#rowsLeft, count);
  }

  /** One tile of as many rows as there are, or the next smaller size. */
  #emitTiles(): void {
    const f = this.#f;
    const end = f.label('tileEnd');
    for (const count of TILES) {
      const smaller = f.label('smaller');
      f.emit('cmp', this.#rowsLeft, count).emit('jl', smaller);
      this.#emitTile(count, end);
      f.place(smaller);
    }
    f.place(end);
  }

  #emitTile(rows: number, end: Label): void {
    const f = this.#f;
    const [seen, unseen] = [f.general(), f.label('unseen')];
    // Even the last row sees no key of this block.
    f.emit('imul', seen, this.#block.rowStep, rows - 1).emit('add', seen, this.#seen);
    f.emit('test', seen, seen).free(seen).emit('jle', unseen);
    const scores = Array.from({ length: rows }, () => [f.vector(512), f.vector(512)] as const);
    this.#score(scores);
    for (const [row, both] of scores.entries()) this.#weigh(row, both);
    f.free(...scores.flat());
    this.#sumValues(rows);
    f.place(unseen);
    this.#nextRows(rows);
    f.emit('jmp', end);
  }

  /** Scores of the tile's rows with the 32 keys, scaled. */
  #score(scores: readonly (readonly [Vector, Vector])[]): void {
    const f = this.#f;
    const q = loadRowPointers(f, { base: this.#q, stride: this.#block.qStride }, TILES[0]!);
    const [turned, groups] = [f.general(), f.general()];
    const [keys, factor] = [[f.vector(512), f.vector(512)] as const, f.vector(512)];
    for (const sum of scores.flat()) f.emit('vpxord', sum, sum, sum);
    f.emit('lea', turned, this.#turned).emit('mov', groups, this.#block.keyWidth);
    f.emit('shr', groups, 2).repeat(groups, () => {
      for (let d = 0; d < 4; d++) {
        keys.forEach((key, h) => f.emit('vmovups', key, at(turned, 128 * d + LINE_BYTES * h)));
        for (const [row, both] of scores.entries()) {
          f.emit('vbroadcastss', factor, atRow(q, row, 4 * d));
          both.forEach((sum, h) => f.emit('vfmadd231ps', sum, keys[h]!, factor));
        }
      }
      f.emit('add', turned, 4 * 4 * KEYS).emit('add', q.base, 16);
    });
    f.emit('vbroadcastss', factor, this.#block.scale);
    for (const sum of scores.flat()) f.emit('vmulps', sum, sum, factor);
    freeRowPointers(f, q);
    f.free(turned, groups, factor, ...keys);
  }

  /** A row's weights from its scores, its maximum and sum with them, and the factor of what was before. */
  #weigh(row: number, scores: readonly [Vector, Vector]): void {
    this.#setLanes(row);
    const [maximum, sum] = this.#f.load(this.#maximum, this.#sum) as [General, General];
    const rows = { maximum, sum, factors: this.#factors, weights: this.#weights };
    emitWeights(this.#f, this.#constants, rows, row, scores);
    this.#f.free(sum, maximum);
  }

  /** Masks of the keys of this block that a row of the tile sees. */
  #setLanes(row: number): void {
    const f = this.#f;
    const [seen, limit, bits] = [f.general(), f.general(), f.general()];
    f.emit('imul', seen, this.#block.rowStep, row).emit('add', seen, this.#seen);
    f.emit('xor', limit, limit).emit('cmp', seen, limit).emit('cmovl', seen, limit);
    f.emit('mov', limit, KEYS).emit('cmp', seen, limit).emit('cmovg', seen, limit);
    f.emit('mov', bits, -1).emit('bzhi', bits, bits, seen).emit('kmovw', LANES[0], half(bits));
    f.emit('shr', bits, 16).emit('kmovw', LANES[1], half(bits)).free(bits, limit, seen);
  }

  /** out = out · factor + Σ weight · value, 64 columns at a time, then 16. */
  #sumValues(rows: number): void {
    const f = this.#f;
    f.emit('mov', this.#column, 0);
    for (const vectors of [4, 1]) {
      const [next, end] = [f.label('columns'), f.label('columnsEnd')];
      const width = 16 * vectors;
      f.place(next);
      const column = f.general();
      f.emit('mov', column, this.#column).emit('add', column, width);
      f.emit('cmp', column, this.#block.valueWidth).free(column).emit('jg', end);
      this.#sumColumns(rows, vectors);
      f.emit('add', this.#column, width).emit('jmp', next).place(end);
    }
  }

  #sumColumns(rows: number, vectors: number): void {
    const f = this.#f;
    const out = loadRowPointers(f, { base: this.#out, stride: this.#block.outStride }, rows);
    const [stride, keys, column] = f.load(
      ...[this.#block.valueWidth, this.#keysHere, this.#column],
    ) as [General, General, General];
    const value = f.general();
    f.emit('lea', value, this.#gathered)
      .emit('shl', stride, 2)
      .emit('shl', column, 2)
      .emit('add', value, column)
      .emit('add', out.base, column)
      .free(column);
    const weights = f.general();
    const sums = Array.from({ length: rows }, () => f.vectors(512, vectors));
    const [values, weight] = [f.vectors(512, vectors), f.vector(512)];
    sums.forEach((row, r) => {
      f.emit('vmovups', weight, offset(this.#factors, LINE_BYTES * r));
      row.forEach((sum, v) => f.emit('vmulps', sum, weight, atRow(out, r, LINE_BYTES * v)));
    });
    f.emit('lea', weights, this.#weights).repeat(keys, () => {
      values.forEach((vector, v) => f.emit('vmovups', vector, at(value, LINE_BYTES * v)));
      for (const [r, row] of sums.entries()) {
        f.emit('vbroadcastss', weight, at(weights, 4 * KEYS * r));
        row.forEach((sum, v) => f.emit('vfmadd231ps', sum, values[v]!, weight));
      }
      f.emit('add', weights, 4).emit('add', value, stride);
    });
    sums.forEach((row, r) =>
      row.forEach((sum, v) => f.emit('vmovups', atRow(out, r, LINE_BYTES * v), sum)),
    );
    freeRowPointers(f, out);
    f.free(weights, keys, stride, value, weight, ...values, ...sums.flat());
  }

  /** out · (1 / l) */
  #finishRows(): void {
    const f = this.#f;
    this.#firstTile();
    whilePositive(f, this.#rowsLeft, () => {
      const [sum] = f.load(this.#sum) as [General];
      const [total, output] = [f.vector(512), f.vector(512)];
      f.emit('vmovups', total, at(sum)).free(sum);
      emitReduce(f, 'vaddps', total);
      emitInverse(f, this.#constants, total);
      this.#eachOutput((place) => {
        f.emit('vmovups', output, place).emit('vmulps', output, output, total);
        f.emit('vmovups', place, output);
      });
      f.free(total, output);
      this.#nextRows(1);
    });
  }

  /** Do something to each vector of the row of `out` at hand. */
  #eachOutput(body: (place: Memory) => void): void {
    const f = this.#f;
    const [out, vectors] = f.load(this.#out, this.#block.valueWidth) as [General, General];
    f.emit('shr', vectors, 4).repeat(vectors, () => {
      body(at(out));
      f.emit('add', out, LINE_BYTES);
    });
    f.free(vectors, out);
  }
}

function slots4(f: FunctionBuilder): [Memory, Memory, Memory, Memory] {
  return [f.slot(), f.slot(), f.slot(), f.slot()];
}
