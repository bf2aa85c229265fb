/**
 * Attention of several tokens of a prompt to the keys of one group, whose heads are rows of one matrix:
 *
 * ```
 * for each 32 keys: turn them around, so that column d is 32 lanes; scores of six rows × eight keys at a time
 * for each row: softmax over the keys that its token sees; weights of the others are 0
 * for each 32 keys: copy their values side by side; add weight · value to six rows × eight channels at a time
 * ```
 *
 * The bits are those of attendRows.ts: a score is four sums over every fourth channel, added as the lanes of a vector
 * are there, and a result is one sum over keys in ascending order. Zeros change it only where a value is not finite.
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { ELEMENT_BYTES, pushProduct, pushRow, pushSplat, VECTOR_BYTES } from './vectors.ts';

/** Keys that are turned around at a time. */
const KEYS = 32;
const KEYS_BYTES = KEYS * ELEMENT_BYTES;
/** A tile: rows, and vectors of keys or channels. */
const ROWS = 6;
const VECTORS = 2;
const TILE_BYTES = VECTORS * VECTOR_BYTES;
/** Rows enough to be worth turning keys around for, few enough for the cache. */
const MOST_ROWS = 96;

/** What the shape of an attention says about its tiles. */
export interface AttentionShape {
  readonly T: number;
  readonly shared: number;
  readonly scoreStride: number;
  readonly keyWidth: number;
  readonly valueWidth: number;
}

/** Tokens that are attended together; 1 where each is for itself. */
export function tokensOfTile({ T, shared, keyWidth, valueWidth }: AttentionShape): number {
  const fits = keyWidth % 4 === 0 && valueWidth % 8 === 0;
  const tokens = fits ? Math.min(T, Math.floor(MOST_ROWS / shared)) : 1;
  return tokens * shared < ROWS ? 1 : Math.max(tokens, 1);
}

/** Elements of scratch memory: scores, and for tiles rows of q, of results, and a block of keys or values. */
export function attentionRoom(shape: AttentionShape): number {
  const { shared, scoreStride, keyWidth, valueWidth } = shape;
  const tokens = tokensOfTile(shape);
  if (tokens === 1) return shared * scoreStride;
  const rows = Math.ceil((tokens * shared) / ROWS) * ROWS;
  return rows * (scoreStride + keyWidth + valueWidth) + KEYS * Math.max(keyWidth, valueWidth);
}

/** What `scoreStride` must be a multiple of. */
export const SCORE_UNIT = KEYS;

/** Pointers are addresses, steps elements; the first of the tokens sees `count` keys, each other one more. */
const PARAMS = {
  q: 'i32',
  qStep: 'i32',
  key: 'i32',
  keyStep: 'i32',
  value: 'i32',
  valueStep: 'i32',
  room: 'i32',
  scoreStride: 'i32',
  out: 'i32',
  outStep: 'i32',
  tokens: 'i32',
  shared: 'i32',
  count: 'i32',
  keyWidth: 'i32',
  valueWidth: 'i32',
  scale: 'f32',
} as const;

/** Adds the function of the parameters above. */
export function addAttendTile(module: ModuleBuilder, softmax: FunctionRef): FunctionRef {
  const functions = {
    softmax,
    turnKeys: addTurnKeys(module),
    scoreRows: addScoreRows(module),
    sumValues: addSumValues(module),
  };
  return module.addFunction('attendTile', { params: PARAMS }, (f, p) => {
    const site = startTile(f, p);
    scoreKeys(site, functions);
    weigh(site, functions.softmax);
    sumBlocks(site, functions.sumValues);
    const { t, results, outBytes, size } = site;
    f.forLoop(t, 0, p.tokens, 1, () => {
      pushRow(f, p.out, t, p.outStep);
      pushRow(f, results, t, setProduct(f, size, p.shared, outBytes));
      f.get(size).emit('memory.copy');
    });
  });
}

const LOCALS = [
  ...(['t', 'r', 'at', 'size', 'rows', 'last', 'here'] as const),
  ...(['queries', 'results', 'block', 'qBytes', 'outBytes', 'scoreBytes'] as const),
];

/** Parameters, steps of which are in bytes, and locals: `at` is the first of the `here` keys at hand, of `last`. */
interface Site extends Readonly<Record<(typeof LOCALS)[number], Local>> {
  readonly f: FunctionBuilder;
  readonly p: Readonly<Record<keyof typeof PARAMS, Local>>;
}

/** Places in the room; rows of q side by side, results 0. */
function startTile(f: FunctionBuilder, p: Site['p']): Site {
  const locals = LOCALS.map((name) => [name, f.local('i32', name)]);
  const site: Site = { f, p, ...(Object.fromEntries(locals) as Record<string, never>) } as never;
  const { t, size, rows, last, queries, results, block } = site;
  const { qBytes, outBytes, scoreBytes } = site;
  f.get(p.count).get(p.tokens).emit('i32.add').i32(1).emit('i32.sub').set(last);
  pushProduct(f, p.tokens, p.shared)
    .i32(ROWS - 1)
    .emit('i32.add');
  f.i32(ROWS).emit('i32.div_u').i32(ROWS).emit('i32.mul').set(rows);
  for (const [bytes, elements] of [
    [scoreBytes, p.scoreStride],
    [qBytes, p.keyWidth],
    [outBytes, p.valueWidth],
    ...[p.qStep, p.keyStep, p.valueStep, p.outStep].map((step) => [step, step] as const),
  ] as const)
    pushProduct(f, elements, ELEMENT_BYTES).set(bytes);
  pushRow(f, p.room, rows, scoreBytes).set(queries);
  pushRow(f, queries, rows, qBytes).set(results);
  pushRow(f, results, rows, outBytes).set(block);
  f.forLoop(t, 0, p.tokens, 1, () => {
    pushRow(f, queries, t, setProduct(f, size, p.shared, qBytes));
    pushRow(f, p.q, t, p.qStep).get(size).emit('memory.copy');
  });
  f.get(results).i32(0);
  pushProduct(f, rows, outBytes).emit('memory.fill');
  return site;
}

/** Runs `body` for each 32 keys, of which the last may be fewer. */
function forBlocks({ f, at, last, here }: Site, body: () => void): void {
  f.forLoop(at, 0, last, KEYS, () => {
    f.get(last).get(at).emit('i32.sub').tee(here).i32(KEYS);
    f.get(here).i32(KEYS).emit('i32.lt_u').emit('select').set(here);
    body();
  });
}

/** Pushes the place of the scores of row r and the keys at hand, then their stride. */
function pushScores({ f, p, r, at, scoreBytes }: Site): FunctionBuilder {
  pushRow(f, p.room, r, scoreBytes);
  return pushProduct(f, at, ELEMENT_BYTES).emit('i32.add').get(scoreBytes);
}

function scoreKeys(
  site: Site,
  { turnKeys, scoreRows }: Readonly<Record<'turnKeys' | 'scoreRows', FunctionRef>>,
): void {
  const { f, p, r, at, rows, here, queries, block, qBytes } = site;
  forBlocks(site, () => {
    pushRow(f, p.key, at, p.keyStep).get(p.keyStep).get(here).get(block).get(qBytes);
    f.emit('call', turnKeys);
    f.forLoop(r, 0, rows, ROWS, () => {
      pushRow(f, queries, r, qBytes).get(qBytes).get(block);
      pushScores(site).emit('call', scoreRows);
    });
  });
}

function sumBlocks(site: Site, sumValues: FunctionRef): void {
  const { f, p, t, r, at, size, rows, here, results, block, outBytes } = site;
  forBlocks(site, () => {
    f.forLoop(t, 0, here, 1, () => {
      pushRow(f, block, t, outBytes);
      f.get(at).get(t).emit('i32.add').set(size);
      pushRow(f, p.value, size, p.valueStep).get(outBytes).emit('memory.copy');
    });
    f.forLoop(r, 0, rows, ROWS, () => {
      pushScores(site).get(here).get(block);
      pushRow(f, results, r, outBytes).get(outBytes).emit('call', sumValues);
    });
  });
}

/** Sets `to` to the product of counts and gives it back. */
function setProduct(f: FunctionBuilder, to: Local, a: Local, b: Local): Local {
  pushProduct(f, a, b).set(to);
  return to;
}

/** Scores to weights, row by row; those of keys that a token does not see are 0. */
function weigh({ f, p, t, r, last, here, size, scoreBytes }: Site, softmax: FunctionRef): void {
  const row = f.local('i32', 'row');
  const seen = here;
  f.get(p.room).set(row);
  f.forLoop(t, 0, p.tokens, 1, () => {
    f.get(p.count).get(t).emit('i32.add').set(seen);
    f.get(last).get(seen).emit('i32.sub').i32(ELEMENT_BYTES).emit('i32.mul').set(size);
    f.forLoop(r, 0, p.shared, 1, () => {
      f.get(row).get(seen).get(p.scale).emit('call', softmax);
      pushRow(f, row, seen, ELEMENT_BYTES).i32(0).get(size).emit('memory.fill');
      f.advance(row, scoreBytes);
    });
  });
}

const TURN_PARAMS = {
  key: 'i32',
  keyBytes: 'i32',
  count: 'i32',
  out: 'i32',
  widthBytes: 'i32',
} as const;

/** Rows of `count` keys to columns of 32; rows that are not there repeat the last. */
function addTurnKeys(module: ModuleBuilder): FunctionRef {
  return module.addFunction('turnKeys', { params: TURN_PARAMS }, (f, p) => {
    const [i, d, to] = [f.local('i32', 'i'), f.local('i32', 'd'), f.local('i32', 'to')];
    const keys = [0, 1, 2, 3].map(() => f.local('i32'));
    const rows = keys.map(() => f.local('v128'));
    const pairs = keys.map(() => f.local('v128'));
    f.forLoop(i, 0, KEYS, 4, () => {
      for (const [j, key] of keys.entries()) {
        f.get(i).i32(j).emit('i32.add').tee(d);
        f.get(p.count).i32(1).emit('i32.sub').tee(to).get(d).get(to).emit('i32.lt_u');
        f.emit('select').set(d);
        pushRow(f, p.key, d, p.keyBytes).set(key);
      }
      pushRow(f, p.out, i, ELEMENT_BYTES).set(to);
      f.forLoop(d, 0, p.widthBytes, VECTOR_BYTES, () => {
        for (const [j, row] of rows.entries())
          f.get(keys[j]!).get(d).emit('i32.add').emit('v128.load').set(row);
        turn(f, rows, pairs);
        for (const [j, row] of rows.entries())
          f.get(to)
            .get(row)
            .emit('v128.store', KEYS_BYTES * j);
        f.advance(to, 4 * KEYS_BYTES);
      });
    });
  });
}

/** Four rows of four numbers turned around, in place. */
export function turn(f: FunctionBuilder, rows: readonly Local[], pairs: readonly Local[]): void {
  const mix = (from: readonly Local[], a: number, b: number, lanes: readonly number[]) =>
    f.get(from[a]!).get(from[b]!).emit('i8x16.shuffle', lanes);
  mix(rows, 0, 1, lanesOf(0, 4, 1, 5)).set(pairs[0]!);
  mix(rows, 0, 1, lanesOf(2, 6, 3, 7)).set(pairs[1]!);
  mix(rows, 2, 3, lanesOf(0, 4, 1, 5)).set(pairs[2]!);
  mix(rows, 2, 3, lanesOf(2, 6, 3, 7)).set(pairs[3]!);
  mix(pairs, 0, 2, lanesOf(0, 1, 4, 5)).set(rows[0]!);
  mix(pairs, 0, 2, lanesOf(2, 3, 6, 7)).set(rows[1]!);
  mix(pairs, 1, 3, lanesOf(0, 1, 4, 5)).set(rows[2]!);
  mix(pairs, 1, 3, lanesOf(2, 3, 6, 7)).set(rows[3]!);
}

/** The bytes of these lanes of 32 bits, the second operand's from 4 on. */
function lanesOf(...lanes: readonly number[]): number[] {
  return lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte));
}

const SCORE_PARAMS = {
  q: 'i32',
  qBytes: 'i32',
  keys: 'i32',
  out: 'i32',
  outBytes: 'i32',
} as const;

/** Scores of six rows of q with 32 turned keys. */
function addScoreRows(module: ModuleBuilder): FunctionRef {
  return module.addFunction('scoreRows', { params: SCORE_PARAMS }, (f, p) => {
    const [even, odd, sums] = [tileLocals(f), tileLocals(f), tileLocals(f)];
    const [queries, to] = [rowPointers(f), f.local('i32', 'to')];
    const [key, at, end] = [f.local('i32', 'key'), f.local('i32', 'at'), f.local('i32', 'end')];
    const sumChannels = (channel: number): void => {
      for (const sum of sums.flat()) pushSplat(f, 0).set(sum);
      setRows(f, queries, p.q, p.qBytes);
      f.get(p.keys).get(at).emit('i32.add').set(key);
      f.forLoop(queries[0]!, queries[0]!, end, VECTOR_BYTES, () => {
        const [factorAt, vectorAt] = [ELEMENT_BYTES * channel, KEYS_BYTES * channel];
        addProducts(f, sums, { factors: queries, factorAt, vectors: key, vectorAt });
        for (const query of queries.slice(1)) f.advance(query, VECTOR_BYTES);
        f.advance(key, 4 * KEYS_BYTES);
      });
    };
    f.get(p.q).get(p.qBytes).emit('i32.add').set(end);
    f.forLoop(at, 0, KEYS_BYTES, TILE_BYTES, () => {
      sumChannels(0);
      forTile((m, i) => f.get(sums[m]![i]!).set(even[m]![i]!));
      sumChannels(2);
      forTile((m, i) => f.get(even[m]![i]!).get(sums[m]![i]!).emit('f32x4.add').set(even[m]![i]!));
      sumChannels(1);
      forTile((m, i) => f.get(sums[m]![i]!).set(odd[m]![i]!));
      sumChannels(3);
      f.get(p.out).get(at).emit('i32.add').set(to);
      forTile((m, i) => {
        f.get(to).get(even[m]![i]!).get(odd[m]![i]!).get(sums[m]![i]!).emit('f32x4.add');
        f.emit('f32x4.add').emit('v128.store', VECTOR_BYTES * i);
        if (i === VECTORS - 1) f.advance(to, p.outBytes);
      });
    });
  });
}

const SUM_PARAMS = {
  weights: 'i32',
  weightBytes: 'i32',
  count: 'i32',
  values: 'i32',
  out: 'i32',
  widthBytes: 'i32',
} as const;

/** Adds the values of `count` keys, times their weights, to six rows. */
function addSumValues(module: ModuleBuilder): FunctionRef {
  return module.addFunction('sumValues', { params: SUM_PARAMS }, (f, p) => {
    const [sums, weights] = [tileLocals(f), rowPointers(f)];
    const [value, at, end] = [f.local('i32', 'value'), f.local('i32', 'at'), f.local('i32', 'end')];
    const to = f.local('i32', 'to');
    const forOutputs = (body: (sum: Local, offset: number) => void): void => {
      f.get(p.out).get(at).emit('i32.add').set(to);
      forTile((m, i) => {
        body(sums[m]![i]!, VECTOR_BYTES * i);
        if (i === VECTORS - 1) f.advance(to, p.widthBytes);
      });
    };
    pushRow(f, p.weights, p.count, ELEMENT_BYTES).set(end);
    f.forLoop(at, 0, p.widthBytes, TILE_BYTES, () => {
      forOutputs((sum, offset) => f.get(to).emit('v128.load', offset).set(sum));
      setRows(f, weights, p.weights, p.weightBytes);
      f.get(p.values).get(at).emit('i32.add').set(value);
      f.forLoop(weights[0]!, weights[0]!, end, ELEMENT_BYTES, () => {
        addProducts(f, sums, { factors: weights, factorAt: 0, vectors: value, vectorAt: 0 });
        for (const weight of weights.slice(1)) f.advance(weight, ELEMENT_BYTES);
        f.advance(value, p.widthBytes);
      });
      forOutputs((sum, offset) => f.get(to).get(sum).emit('v128.store', offset));
    });
  });
}

interface Factors {
  readonly factors: readonly Local[];
  readonly factorAt: number;
  readonly vectors: Local;
  readonly vectorAt: number;
}

/** Adds to each row its factor times the vectors. */
function addProducts(
  f: FunctionBuilder,
  sums: readonly (readonly Local[])[],
  { factors, factorAt, vectors, vectorAt }: Factors,
): void {
  const [factor, loaded] = [f.local('v128'), sums[0]!.map(() => f.local('v128'))];
  for (const [i, vector] of loaded.entries()) {
    f.get(vectors)
      .emit('v128.load', vectorAt + VECTOR_BYTES * i)
      .set(vector);
  }
  for (const [m, row] of sums.entries()) {
    f.get(factors[m]!).emit('v128.load32_splat', factorAt).set(factor);
    for (const [i, sum] of row.entries())
      f.get(sum).get(loaded[i]!).get(factor).emit('f32x4.mul').emit('f32x4.add').set(sum);
  }
}

function tileLocals(f: FunctionBuilder): Local[][] {
  return Array.from({ length: ROWS }, () => Array.from({ length: VECTORS }, () => f.local('v128')));
}

function forTile(body: (m: number, i: number) => void): void {
  for (let m = 0; m < ROWS; m++) for (let i = 0; i < VECTORS; i++) body(m, i);
}

function rowPointers(f: FunctionBuilder): Local[] {
  return Array.from({ length: ROWS }, () => f.local('i32'));
}

/** The pointers to first, first + stride, … */
function setRows(f: FunctionBuilder, rows: readonly Local[], first: Local, stride: Local): void {
  for (const [m, row] of rows.entries()) {
    f.get(m === 0 ? first : rows[m - 1]!);
    if (m > 0) f.get(stride).emit('i32.add');
    f.set(row);
  }
}
