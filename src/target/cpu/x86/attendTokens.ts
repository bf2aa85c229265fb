/**
 * Attention of tokens of a prompt and of the heads that share keys with them, with the bits of attention.ts:
 *
 * ```
 * turn the rows of q around: 32 rows are 32 lanes
 * for each block of 32 keys
 *   put its keys and its values side by side
 *   for each tile of 32 rows, unless it sees no key of the block: tokenTile.ts
 * out = sums of values · (1 / sums of weights)
 * ```
 *
 * Where rows are many it is q that is turned, once, and not the keys of each block; maxima and sums over keys then need
 * nothing across lanes. What is gone through again and again lies side by side in memory of the function's own: rows of
 * tensors are a power of two apart and would compete for a few lines of the cache.
 */
import {
  at,
  broadcast,
  half,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import { advanceCell, copyCell, loadAtMost, whilePositive } from './cells.ts';
import { Constants, emitInverse, EXP_CONSTANTS } from './lanes.ts';
import { emitGather, emitTurn, TURNED_ROWS } from './rowMoves.ts';
import {
  BLOCK_KEYS,
  emitTokenTile,
  LINE_BYTES,
  PARTS,
  ROW_BYTES,
  type TileCells,
} from './tokenTile.ts';

/**
 * Arguments. Pointers are addresses, strides bytes: between tokens in q and out, where the `shared` heads of a token lie
 * side by side, and between keys and between values. Token t of `tokens` sees the first seen + t keys, at least one.
 * Widths are elements, multiples of 16; `scale` is an f32 in the cell's low half. Limits: `ATTEND_TOKENS_LIMITS`, `mostRows`.
 */
export const ATTEND_TOKENS = [
  ...(['q', 'qStride', 'keys', 'keyStride', 'values', 'valueStride', 'seen'] as const),
  ...(['out', 'outStride', 'tokens', 'shared', 'keyWidth', 'valueWidth', 'scale'] as const),
];

const TILE_ROWS = TURNED_ROWS;

/** What the kernel's own memory has room for. */
export const ATTEND_TOKENS_LIMITS = { keyWidth: 640, valueWidth: 640, widthUnit: 16 } as const;
const MOST_ROWS = 256;
/** Elements of all rows of q, and of all sums of values. */
const ROOM = 128 * 640;

/** The most rows of a call, tokens times heads, of such keys and values; at least 128. */
export function mostRows(keyWidth: number, valueWidth: number): number {
  const fits = Math.floor(ROOM / Math.max(keyWidth, valueWidth) / TILE_ROWS) * TILE_ROWS;
  return Math.min(MOST_ROWS, fits);
}

type Block = Readonly<Record<(typeof ATTEND_TOKENS)[number], Memory>>;

const LOWEST = -Infinity;
/** Tokens of two heads that a tile has. */
const TOKENS_AHEAD = 16;

/** Adds `attendTokens`. */
export function addAttendTokens(assembler: Assembler): void {
  const constants = new Constants(assembler, [...EXP_CONSTANTS, LOWEST]);
  assembler.addFunction('attendTokens', ATTEND_TOKENS, (f, block) => {
    new AttendTokens(f, block, constants).emit();
  });
}

class AttendTokens {
  readonly #f: FunctionBuilder;
  readonly #block: Block;
  readonly #constants: Constants;
  readonly #rowsLeft: Memory;
  readonly #keysLeft: Memory;
  readonly #keys: Memory;
  readonly #values: Memory;
  /** The row at hand of a tensor: it, its token's first head, the heads left of the token, keys that it sees. */
  readonly #row: Memory;
  readonly #token: Memory;
  readonly #headsLeft: Memory;
  readonly #seen: Memory;
  readonly #cells: TileCells;
  /** Of all rows: turned around, sums of values, sums of weights, maxima and keys that they see. */
  readonly #turned: Memory;
  readonly #sums: Memory;
  readonly #parts: Memory;
  readonly #maxima: Memory;
  readonly #seenByRow: Memory;

  constructor(f: FunctionBuilder, block: Block, constants: Constants) {
    this.#f = f;
    this.#block = block;
    this.#constants = constants;
    const { keyWidth, valueWidth } = ATTEND_TOKENS_LIMITS;
    [this.#rowsLeft, this.#keysLeft, this.#keys, this.#values] = slots4(f);
    [this.#row, this.#token, this.#headsLeft, this.#seen] = slots4(f);
    [this.#turned, this.#sums] = [f.slot(4 * ROOM), f.slot(4 * ROOM)];
    this.#parts = f.slot(4 * PARTS * MOST_ROWS);
    [this.#maxima, this.#seenByRow] = [f.slot(4 * MOST_ROWS), f.slot(4 * MOST_ROWS)];
    const [q, out, parts, maxima] = slots4(f);
    const [seen, firstKey, keysHere, rowsHere] = slots4(f);
    this.#cells = {
      ...{ q, out, parts, maxima, seen, firstKey, keysHere, rowsHere },
      keys: f.slot(4 * keyWidth * BLOCK_KEYS),
      values: f.slot(4 * valueWidth * BLOCK_KEYS),
      weights: f.slot(ROW_BYTES * BLOCK_KEYS),
      factors: f.slot(ROW_BYTES),
      ...{ keyWidth: block.keyWidth, valueWidth: block.valueWidth, scale: block.scale },
    };
  }

  emit(): void {
    const f = this.#f;
    const { seen, tokens, keys, values, keyStride, valueStride } = this.#block;
    const { firstKey } = this.#cells;
    this.#startRows();
    const [last] = f.load(seen) as [General];
    f.emit('add', last, tokens).emit('dec', last).emit('mov', this.#keysLeft, last).free(last);
    copyCell(f, this.#keys, keys);
    copyCell(f, this.#values, values);
    f.emit('mov', firstKey, 0);
    whilePositive(f, this.#keysLeft, () => {
      this.#gatherBlock();
      this.#eachTile(() => emitTokenTile(f, this.#constants, this.#cells));
      advanceCell(f, this.#keys, keyStride, BLOCK_KEYS);
      advanceCell(f, this.#values, valueStride, BLOCK_KEYS);
      f.emit('sub', this.#keysLeft, BLOCK_KEYS).emit('add', firstKey, BLOCK_KEYS);
    });
    this.#finishRows();
  }

  /** Rows of q side by side, then turned around; sums 0, maxima −∞. */
  #startRows(): void {
    const f = this.#f;
    const { q, qStride, keyWidth } = this.#block;
    const cells = this.#cells;
    this.#startWalk(q);
    this.#eachTile(() => {
      const [to, seenTo] = [f.general(), f.general()];
      f.emit('lea', to, cells.keys).emit('mov', seenTo, cells.seen);
      this.#eachRow(qStride, keyWidth, (row, ahead) => {
        const [seen] = f.load(this.#seen) as [General];
        f.emit('mov', at(seenTo), half(seen)).emit('add', seenTo, 4).free(seen);
        this.#eachVector(keyWidth, (vector) => {
          f.emit('vmovups', vector, at(row)).emit('prefetcht0', at(row, 0, ahead));
          f.emit('vmovups', at(to), vector);
          f.emit('add', row, LINE_BYTES).emit('add', to, LINE_BYTES);
        });
      });
      f.free(seenTo, to);
      this.#turnTile();
      this.#clearTile();
    });
  }

  #turnTile(): void {
    const f = this.#f;
    const { keys, keyWidth, rowsHere, q } = this.#cells;
    const [width, count, to] = f.load(keyWidth, rowsHere, q) as [General, General, General];
    const [from, stride] = [f.general(), f.general()];
    f.emit('lea', from, keys).emit('mov', stride, width).emit('shl', stride, 2);
    emitTurn(f, { from, stride, count, width, to });
    f.free(stride, from, to, count, width);
  }

  #clearTile(): void {
    const f = this.#f;
    const [out, parts, maxima, vectors] = f.load(
      ...[this.#cells.out, this.#cells.parts, this.#cells.maxima, this.#cells.valueWidth],
    ) as [General, General, General, General];
    const value = f.vector(512);
    f.emit('vbroadcastss', value, this.#constants.one(LOWEST));
    for (let i = 0; i < ROW_BYTES; i += LINE_BYTES) f.emit('vmovups', at(maxima, i), value);
    f.emit('vpxord', value, value, value);
    for (let i = 0; i < PARTS * ROW_BYTES; i += LINE_BYTES) f.emit('vmovups', at(parts, i), value);
    f.emit('shl', vectors, 1).repeat(vectors, () => {
      f.emit('vmovups', at(out), value).emit('add', out, LINE_BYTES);
    });
    f.free(value, vectors, maxima, parts, out);
  }

  #gatherBlock(): void {
    const f = this.#f;
    const { keyStride, valueStride, keyWidth, valueWidth } = this.#block;
    const { keys, values, keysHere } = this.#cells;
    const here = f.general();
    loadAtMost(f, here, this.#keysLeft, BLOCK_KEYS);
    f.emit('mov', keysHere, here).free(here);
    for (const [rows, rowStride, rowWidth, place] of [
      [this.#keys, keyStride, keyWidth, keys],
      [this.#values, valueStride, valueWidth, values],
    ] as const) {
      const [from, stride, width, count] = f.load(rows, rowStride, rowWidth, keysHere) as [
        General,
        General,
        General,
        General,
      ];
      const to = f.general();
      f.emit('lea', to, place);
      emitGather(f, { from, stride, count, width, to });
      f.free(to, count, width, stride, from);
    }
  }

  /** Run `body` for each tile, with its cells. */
  #eachTile(body: () => void): void {
    const f = this.#f;
    const { q, out, parts, maxima, seen, rowsHere, keyWidth, valueWidth } = this.#cells;
    const place = f.general();
    for (const [cell, memory] of [
      [q, this.#turned],
      [out, this.#sums],
      [parts, this.#parts],
      [maxima, this.#maxima],
      [seen, this.#seenByRow],
    ] as const)
      f.emit('lea', place, memory).emit('mov', cell, place);
    f.emit('mov', place, this.#block.tokens).emit('imul', place, this.#block.shared);
    f.emit('mov', this.#rowsLeft, place).free(place);
    whilePositive(f, this.#rowsLeft, () => {
      const rows = f.general();
      loadAtMost(f, rows, this.#rowsLeft, TILE_ROWS);
      f.emit('mov', rowsHere, rows).free(rows);
      body();
      advanceCell(f, q, keyWidth, ROW_BYTES);
      advanceCell(f, out, valueWidth, ROW_BYTES);
      f.emit('add', parts, PARTS * ROW_BYTES).emit('add', maxima, ROW_BYTES);
      f.emit('add', seen, ROW_BYTES).emit('sub', this.#rowsLeft, TILE_ROWS);
    });
  }

  /** To the first row of a tensor. */
  #startWalk(tensor: Memory): void {
    const f = this.#f;
    copyCell(f, this.#row, tensor);
    copyCell(f, this.#token, tensor);
    copyCell(f, this.#headsLeft, this.#block.shared);
    copyCell(f, this.#seen, this.#block.seen);
  }

  /**
   * Run `body` with the address of each row of the tile, heads side by side, tokens a stride apart; and with the bytes to
   * what should be fetched meanwhile, some tokens further on.
   */
  #eachRow(stride: Memory, width: Memory, body: (row: General, ahead: General) => void): void {
    const f = this.#f;
    const [rows] = f.load(this.#cells.rowsHere) as [General];
    f.repeat(rows, () => {
      const [row, ahead] = [...f.load(this.#row), f.general()] as [General, General];
      const same = f.label('sameToken');
      f.emit('imul', ahead, stride, TOKENS_AHEAD);
      body(row, ahead);
      f.free(ahead, row);
      advanceCell(f, this.#row, width, 4);
      f.emit('sub', this.#headsLeft, 1).emit('jne', same);
      advanceCell(f, this.#token, stride, 1);
      copyCell(f, this.#row, this.#token);
      copyCell(f, this.#headsLeft, this.#block.shared);
      f.emit('add', this.#seen, 1).place(same);
    });
    f.free(rows);
  }

  /** Run `body` for each vector of a row. */
  #eachVector(width: Memory, body: (vector: Vector) => void): void {
    const f = this.#f;
    const [vectors] = f.load(width) as [General];
    const vector = f.vector(512);
    f.emit('shr', vectors, 4).repeat(vectors, () => body(vector));
    f.free(vector, vectors);
  }

  /** out = sums of values · (1 / sums of weights), of which those of a row are in parts, added as lanes of a vector are. */
  #finishRows(): void {
    const f = this.#f;
    const { out, outStride, valueWidth } = this.#block;
    this.#startWalk(out);
    this.#eachTile(() => {
      this.#invertSums();
      const [from, factors] = f.load(this.#cells.out, this.#cells.parts) as [General, General];
      this.#eachRow(outStride, valueWidth, (row, ahead) => {
        this.#eachVector(valueWidth, (vector) => {
          f.emit('vmovups', vector, at(from)).emit(
            'vmulps',
            vector,
            vector,
            broadcast(at(factors)),
          );
          f.emit('vmovups', at(row), vector).emit('prefetchw', at(row, 0, ahead));
          f.emit('add', from, LINE_BYTES).emit('add', row, LINE_BYTES);
        });
        f.emit('add', factors, 4);
      });
      f.free(factors, from);
    });
  }

  /** The first part of the tile becomes 1 / the sum of all. */
  #invertSums(): void {
    const f = this.#f;
    const [parts] = f.load(this.#cells.parts) as [General];
    const sum = f.vector(512);
    for (let count = PARTS / 2; count >= 1; count /= 2) {
      for (let at0 = 0; at0 < count * ROW_BYTES; at0 += LINE_BYTES) {
        f.emit('vmovups', sum, at(parts, at0));
        f.emit('vaddps', sum, sum, at(parts, at0 + count * ROW_BYTES));
        if (count === 1) emitInverse(f, this.#constants, sum);
        f.emit('vmovups', at(parts, at0), sum);
      }
    }
    f.free(sum, parts);
  }
}

function slots4(f: FunctionBuilder): [Memory, Memory, Memory, Memory] {
  return [f.slot(), f.slot(), f.slot(), f.slot()];
}
