/**
 * A tile of attendTokens.ts: up to 32 rows, whose numbers are lanes, and a block of up to 32 keys.
 *
 * ```
 * scores: eight keys at a time
 * maximum m of each row, weights p = exp(score − m), factor = exp(m before − m)
 * parts of the sum of weights: key k of each block is in part k mod 16; part = part · factor + p of key k + p of key k + 16
 * out = out · factor + Σ p · value: four rows and 64 columns at a time
 * ```
 *
 * The operations of a row and their order are those of attention.ts, where the parts are the lanes of a vector.
 */
import {
  at,
  half,
  mask,
  merging,
  type FunctionBuilder,
  type General,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import { offset } from './blockWeights.ts';
import { emitExp, type Constants } from './lanes.ts';
import { atRow, freeRowPointers, rowPointers, type RowPointers } from './rowTile.ts';

export const BLOCK_KEYS = 32;
export const LINE_BYTES = 64;
/** A number of each row of a tile. */
export const ROW_BYTES = 128;
/** Parts of a row's sum of weights. */
export const PARTS = 16;

/** Cells of the tile at hand, and memory of the block at hand. */
export interface TileCells {
  /** Addresses: q [keyWidth][32], out [32][valueWidth], parts [16][32], maxima [32], keys that rows see [32]. */
  readonly q: Memory;
  readonly out: Memory;
  readonly parts: Memory;
  readonly maxima: Memory;
  readonly seen: Memory;
  readonly rowsHere: Memory;
  /** The number of the first key of the block, and how many there are. */
  readonly firstKey: Memory;
  readonly keysHere: Memory;
  readonly keyWidth: Memory;
  readonly valueWidth: Memory;
  readonly scale: Memory;
  /** Memory itself: keys [32][keyWidth], values [32][valueWidth], scores that become weights [32][32], factors [32]. */
  readonly keys: Memory;
  readonly values: Memory;
  readonly weights: Memory;
  readonly factors: Memory;
}

/** Keys whose scores are summed at the same time. */
const SCORE_KEYS = 8;
/** Rows and vectors of columns whose values are summed at the same time. */
const VALUE_ROWS = 4;
const VALUE_VECTORS = 4;
const LANES = 16;
const SEES = mask(1);
/** Comparison "greater than" of integers. */
const GREATER = 6;

/** Emits the tile; nothing is done if no row sees a key of the block. */
export function emitTokenTile(f: FunctionBuilder, constants: Constants, cells: TileCells): void {
  const [keys, rows, place] = [f.general(), f.general(), f.general()];
  const [few, weighed, end] = [f.label('fewRows'), f.label('weighed'), f.label('tileEnd')];
  // As many keys as the last row sees.
  f.emit('mov', rows, cells.rowsHere).emit('mov', place, cells.seen);
  f.emit('movsxd', keys, at(place, -4, rows, 4)).emit('sub', keys, cells.firstKey);
  f.emit('cmp', keys, cells.keysHere).emit('cmovg', keys, cells.keysHere);
  f.emit('test', keys, keys).free(place).emit('jle', end).emit('cmp', rows, LANES).free(rows);
  f.emit('jbe', few);
  for (const halves of [2, 1]) {
    if (halves === 1) f.place(few);
    emitScores(f, cells, keys, halves);
    emitWeights(f, constants, cells, keys, halves);
    if (halves === 2) f.emit('jmp', weighed);
  }
  f.place(weighed);
  emitValues(f, cells, keys);
  f.free(keys).place(end);
}

/** Scores of all keys with the halves of the rows, scaled. */
function emitScores(f: FunctionBuilder, cells: TileCells, keys: General, halves: number): void {
  const [groups, to] = [f.general(), f.general()];
  const [first, stride] = [f.general(), f.general()];
  f.emit('lea', first, cells.keys).emit('mov', stride, cells.keyWidth).emit('shl', stride, 2);
  const key = rowPointers(f, first, stride, SCORE_KEYS);
  f.emit('lea', to, cells.weights).emit('lea', groups, at(keys, SCORE_KEYS - 1));
  f.emit('shr', groups, Math.log2(SCORE_KEYS)).repeat(groups, () => {
    emitScoreGroup(f, cells, key, to, halves);
    f.emit('add', to, SCORE_KEYS * ROW_BYTES);
    // The columns have moved the first pointer on by a row.
    f.emit('add', key.base, key.stride7!);
  });
  freeRowPointers(f, key);
  f.free(to, groups);
}

function emitScoreGroup(
  f: FunctionBuilder,
  { q: place, keyWidth, scale }: TileCells,
  key: RowPointers,
  to: General,
  halves: number,
): void {
  const [q, columns] = f.load(place, keyWidth) as [General, General];
  const sums = Array.from({ length: SCORE_KEYS }, () => f.vectors(512, halves));
  const [rows, factor] = [f.vectors(512, halves), f.vector(512)];
  for (const sum of sums.flat()) f.emit('vpxord', sum, sum, sum);
  f.emit('shr', columns, 2).repeat(columns, () => {
    for (let d = 0; d < 4; d++) {
      rows.forEach((row, h) => f.emit('vmovups', row, at(q, ROW_BYTES * d + LINE_BYTES * h)));
      for (const [k, both] of sums.entries()) {
        f.emit('vbroadcastss', factor, atRow(key, k, 4 * d));
        both.forEach((sum, h) => f.emit('vfmadd231ps', sum, rows[h]!, factor));
      }
    }
    f.emit('add', q, 4 * ROW_BYTES).emit('add', key.base, 16);
  });
  f.emit('vbroadcastss', factor, scale);
  for (const [k, both] of sums.entries()) {
    for (const [h, sum] of both.entries()) {
      f.emit('vmulps', sum, sum, factor);
      f.emit('vmovups', at(to, ROW_BYTES * k + LINE_BYTES * h), sum);
    }
  }
  f.free(factor, ...rows, ...sums.flat(), columns, q);
}

/** A pass over the keys of a block: the weights of the key at hand, its number in all lanes, and how many keys rows see. */
interface KeyWalk {
  readonly at: General;
  readonly index: Vector;
  readonly one: Vector;
  readonly seen: readonly Vector[];
}

/** Weights in the place of scores; maxima, factors and parts of the sums with them. */
function emitWeights(
  f: FunctionBuilder,
  constants: Constants,
  cells: TileCells,
  keys: General,
  halves: number,
): void {
  const { parts: place, factors: factorsAt } = cells;
  const walk = loadWalk(f, cells, halves);
  const most = emitMaxima(f, constants, cells, keys, walk);
  const [parts, count] = [...f.load(place), f.general()] as [General, General];
  const [factors, later] = [f.vectors(512, halves), f.vectors(512, halves)];
  const [sum, weight] = f.vectors(512, 2) as [Vector, Vector];
  startWalk(f, cells, walk);
  f.emit('mov', count, PARTS).emit('vpbroadcastd', sum, half(count));
  for (const [h, factor] of factors.entries()) {
    f.emit('vmovups', factor, offset(factorsAt, LINE_BYTES * h));
    f.emit('vpsubd', later[h]!, walk.seen[h]!, sum);
  }
  f.repeat(count, () => {
    for (const [h, factor] of factors.entries()) {
      f.emit('vmulps', sum, factor, at(parts, LINE_BYTES * h));
      for (const [i, seen] of [walk.seen[h]!, later[h]!].entries()) {
        const key = at(walk.at, PARTS * ROW_BYTES * i + LINE_BYTES * h);
        f.emit('vmovups', weight, key).emit('vsubps', weight, weight, most[h]!);
        f.emit('vpcmpd', SEES, seen, walk.index, GREATER);
        emitExp(f, constants, weight, SEES);
        f.emit('vaddps', sum, sum, weight).emit('vmovups', key, weight);
      }
      f.emit('vmovups', at(parts, LINE_BYTES * h), sum);
    }
    f.emit('add', parts, ROW_BYTES);
    nextKey(f, walk);
  });
  f.free(weight, sum, ...later, ...factors, count, parts, ...most);
  f.free(...walk.seen, walk.one, walk.index, walk.at);
}

/** The maxima of the rows with the keys that they see; puts them and the factors of what was before into memory. */
function emitMaxima(
  f: FunctionBuilder,
  constants: Constants,
  cells: TileCells,
  keys: General,
  walk: KeyWalk,
): readonly Vector[] {
  const [maxima, count] = [...f.load(cells.maxima), f.general()] as [General, General];
  const most = walk.seen.map(() => f.vector(512));
  most.forEach((row, h) => f.emit('vmovups', row, at(maxima, LINE_BYTES * h)));
  startWalk(f, cells, walk);
  f.emit('mov', count, keys).repeat(count, () => {
    for (const [h, row] of most.entries()) {
      f.emit('vpcmpd', SEES, walk.seen[h]!, walk.index, GREATER);
      f.emit('vmaxps', merging(row, SEES), row, at(walk.at, LINE_BYTES * h));
    }
    nextKey(f, walk);
  });
  const factor = f.vector(512);
  for (const [h, row] of most.entries()) {
    f.emit('vmovups', factor, at(maxima, LINE_BYTES * h)).emit('vsubps', factor, factor, row);
    emitExp(f, constants, factor);
    f.emit('vmovups', offset(cells.factors, LINE_BYTES * h), factor);
    f.emit('vmovups', at(maxima, LINE_BYTES * h), row);
  }
  f.free(factor, count, maxima);
  return most;
}

function loadWalk(f: FunctionBuilder, cells: TileCells, halves: number): KeyWalk {
  const [place] = f.load(cells.seen) as [General];
  const seen = f.vectors(512, halves);
  const [index, one] = f.vectors(512, 2) as [Vector, Vector];
  seen.forEach((rows, h) => f.emit('vmovdqu32', rows, at(place, LINE_BYTES * h)));
  f.emit('mov', place, 1).emit('vpbroadcastd', one, half(place));
  return { at: place, index, one, seen };
}

function startWalk(f: FunctionBuilder, { weights, firstKey }: TileCells, walk: KeyWalk): void {
  f.emit('lea', walk.at, weights).emit('vpbroadcastd', walk.index, firstKey);
}

function nextKey(f: FunctionBuilder, walk: KeyWalk): void {
  f.emit('add', walk.at, ROW_BYTES).emit('vpaddd', walk.index, walk.index, walk.one);
}

/**
 * out = out · factor + Σ weight · value, a few rows at a time, 64 columns of them and then 16; of the keys that the last of
 * them sees. Rows that see none have the factor 1.
 */
function emitValues(f: FunctionBuilder, cells: TileCells, keys: General): void {
  const [rows, out, row] = [f.general(), f.general(), f.general()];
  const seen = f.slot();
  f.emit('mov', rows, cells.rowsHere).emit('add', rows, VALUE_ROWS - 1);
  f.emit('shr', rows, Math.log2(VALUE_ROWS)).emit('mov', out, cells.out).emit('xor', row, row);
  f.repeat(rows, () => {
    const unseen = f.label('unseen');
    emitSeenKeys(f, cells, keys, row, seen);
    f.emit('jle', unseen);
    emitValueRows(f, cells, seen, out, row);
    f.place(unseen);
    const bytes = f.general();
    f.emit('imul', bytes, cells.valueWidth, 4 * VALUE_ROWS)
      .emit('add', out, bytes)
      .free(bytes);
    f.emit('add', row, 4 * VALUE_ROWS);
  });
  f.free(row, out, rows);
}

/** To a cell, and compared with 0: the keys of the block that the last of a few rows sees; `row` is the first, in bytes. */
function emitSeenKeys(
  f: FunctionBuilder,
  { seen, rowsHere, firstKey }: TileCells,
  keys: General,
  row: General,
  to: Memory,
): void {
  const [last, place] = [f.general(), f.general()];
  f.emit('mov', last, row).emit('shr', last, 2).emit('add', last, VALUE_ROWS);
  f.emit('cmp', last, rowsHere).emit('cmovg', last, rowsHere).emit('mov', place, seen);
  f.emit('movsxd', last, at(place, -4, last, 4)).emit('sub', last, firstKey);
  f.emit('cmp', last, keys).emit('cmovg', last, keys).emit('mov', to, last);
  f.emit('test', last, last).free(place, last);
}

/** As many rows from `out` on, whose weights are `row` bytes behind those of the first. */
function emitValueRows(
  f: FunctionBuilder,
  cells: TileCells,
  keys: Memory,
  out: General,
  row: General,
): void {
  const [columns] = f.load(cells.valueWidth) as [General];
  const [value, first, stride] = [f.general(), f.general(), f.general()];
  f.emit('mov', first, out).emit('mov', stride, columns).emit('shl', stride, 2);
  f.emit('lea', value, cells.values);
  const to = rowPointers(f, first, stride, VALUE_ROWS);
  for (const vectors of [VALUE_VECTORS, 1]) {
    f.whileAtLeast(columns, LANES * vectors, () => {
      emitValueColumns(f, cells, keys, { to, value, row }, vectors);
      f.emit('sub', columns, LANES * vectors).emit('add', value, LINE_BYTES * vectors);
      f.emit('add', to.base, LINE_BYTES * vectors);
    });
  }
  freeRowPointers(f, to);
  f.free(value, columns);
}

/** Where sums of values are, the values of the block's first key, and the bytes of its weights before those of the rows. */
interface ValuePlace {
  readonly to: RowPointers;
  readonly value: General;
  readonly row: General;
}

function emitValueColumns(
  f: FunctionBuilder,
  cells: TileCells,
  keys: Memory,
  { to, value, row }: ValuePlace,
  vectors: number,
): void {
  const [weights, count, from] = [f.general(), f.general(), f.general()];
  const sums = Array.from({ length: VALUE_ROWS }, () => f.vectors(512, vectors));
  const [values, weight] = [f.vectors(512, vectors), f.vector(512)];
  f.emit('lea', weights, cells.factors).emit('add', weights, row);
  sums.forEach((own, r) => {
    f.emit('vbroadcastss', weight, at(weights, 4 * r));
    own.forEach((sum, v) => f.emit('vmulps', sum, weight, atRow(to, r, LINE_BYTES * v)));
  });
  f.emit('lea', weights, cells.weights).emit('add', weights, row).emit('mov', from, value);
  f.emit('mov', count, keys).repeat(count, () => {
    values.forEach((vector, v) => f.emit('vmovups', vector, at(from, LINE_BYTES * v)));
    for (const [r, own] of sums.entries()) {
      f.emit('vbroadcastss', weight, at(weights, 4 * r));
      own.forEach((sum, v) => f.emit('vfmadd231ps', sum, values[v]!, weight));
    }
    f.emit('add', weights, ROW_BYTES).emit('add', from, to.stride);
  });
  sums.forEach((own, r) =>
    own.forEach((sum, v) => f.emit('vmovups', atRow(to, r, LINE_BYTES * v), sum)),
  );
  f.free(weight, ...values, ...sums.flat(), from, count, weights);
}
