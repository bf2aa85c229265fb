/** Kernels that choose rows and blocks of rows, at odd sizes and among equals. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { floatNumerics } from '../../../ir/index.ts';
import { callOf, cutCall } from './cut.ts';
import { INDEX_BLOCK } from './kernels.table.ts';
import { normal, Workbench } from '../../../../test/workbench.ts';

interface Selection {
  readonly topK: number;
  readonly tokensPerRow: number;
  readonly positions: readonly number[];
  readonly weighted?: boolean;
  /** Choose blocks of so many rows, or rows of so many blocks of them. */
  readonly blockRows?: number;
  readonly blockCount?: number;
}

const CAPACITY = 150;
const [T, H, K] = [3, 5, 7];

/** Queries, weights and keys of some sequences; keys that no token sees are poison. */
function indexer(c: Selection, keys: Float32Array) {
  const B = c.positions.length;
  const weights = normal(B * T * H).map((w) => ((c.weighted ?? true) ? w : 1));
  return { B, q: normal(B * T * H * K), weights, keys };
}

/** The scores of the visible rows of each token. */
function scoresOf(c: Selection, { B, q, weights, keys }: ReturnType<typeof indexer>) {
  return Array.from({ length: B * T }, (_, token) => {
    const b = Math.floor(token / T);
    const count = Math.floor((c.positions[b]! + (token % T) + 1) / c.tokensPerRow);
    const scores = new Float32Array(count);
    const request = {
      query: q.subarray(token * H * K, (token + 1) * H * K),
      weights: weights.subarray(token * H, (token + 1) * H),
      keys: keys.subarray(b * CAPACITY * K, (b * CAPACITY + count) * K),
    };
    floatNumerics.indexScores(request, scores);
    return scores;
  });
}

/** The `topK` indices with the largest scores, ascending, then −1. */
function largest(scores: ArrayLike<number>, topK: number, indices: readonly number[]): number[] {
  const order = indices.toSorted((i, j) => scores[j]! - scores[i]! || i - j);
  const chosen = order.slice(0, topK).toSorted((i, j) => i - j);
  return [...chosen, ...Array.from({ length: topK - chosen.length }, () => -1)];
}

/** Blocks of a token that sees `count` rows: every other one and the last, then −1. */
function blocksOf(count: number, { blockRows = 1, blockCount = 0 }: Selection): number[] {
  const all = Array.from({ length: Math.ceil(count / blockRows) }, (_, i) => i);
  const some = all.filter((i) => i % 2 === 1 || i === all.length - 1).slice(-blockCount);
  return [...some, ...Array.from({ length: blockCount - some.length }, () => -1)];
}

function run(
  name: 'topRows' | 'topBlocks',
  c: Selection,
  { B, q, weights, keys }: ReturnType<typeof indexer>,
  blocks: readonly number[],
): number[] {
  const bench = new Workbench();
  const [block, scores] = [bench.room(H * INDEX_BLOCK), bench.room(CAPACITY + INDEX_BLOCK)];
  const out = bench.room(B * T * c.topK);
  const given = (c.weighted ?? true) ? bench.put(weights) : 0;
  const places = { q: bench.put(q), weights: given, keys: bench.put(keys) };
  const scratch = { block: block.address, scores: scores.address, out: out.address };
  const positions = bench.put(Int32Array.from(c.positions));
  const sizes = { B, T, H, K, capacity: CAPACITY, topK: c.topK, tokensPerRow: c.tokensPerRow };
  const { blockRows = 1, blockCount = 0 } = c;
  const within = {
    blocks: blockCount === 0 ? 0 : bench.put(Int32Array.from(blocks)),
    blockCount,
    blockRows,
  };
  const args = { ...places, ...scratch, positions, first: 0, ...sizes, ...within };
  // In the parts that threads take, which together are the whole.
  for (const part of cutCall({ kernel: name, args }, { wanted: 64, threads: 2 }))
    bench.run(name, callOf(name, part).args as typeof args, [block, scores, out]);
  return [...bench.integers(out)];
}

function checkRows(c: Selection, keys: Float32Array): void {
  const given = indexer(c, keys);
  const scores = scoresOf(c, given);
  const blocks = scores.map(({ length }) => blocksOf(length, c));
  const required = scores.map((own, token) => {
    const inside = (row: number): boolean =>
      c.blockCount === undefined || blocks[token]!.includes(Math.floor(row / c.blockRows!));
    return largest(own, c.topK, [...own.keys()].filter(inside));
  });
  assert.deepEqual(run('topRows', c, given, blocks.flat()), required.flat());
}

function checkBlocks(c: Selection, keys: Float32Array): void {
  const given = indexer(c, keys);
  const required = scoresOf(c, given).map((scores) => {
    const { blockRows = 1 } = c;
    const best = Array.from({ length: Math.ceil(scores.length / blockRows) }, (_, i) =>
      Math.max(...scores.subarray(i * blockRows, (i + 1) * blockRows)),
    );
    if (best.length > 0) best[best.length - 1] = Infinity;
    return largest(best, c.topK, [...best.keys()]);
  });
  assert.deepEqual(run('topBlocks', c, given, []), required.flat());
}

/** Keys at random; few of them again and again; and zeros: there, only the order decides. */
function keysFor({ positions }: Selection): Float32Array[] {
  const length = positions.length * CAPACITY * K;
  const few = normal(3 * K);
  const alike = Float32Array.from({ length }, (_, i) => few[i % few.length]!);
  return [normal(length), alike, new Float32Array(length)];
}

const SELECTIONS: readonly Selection[] = [
  { topK: 1, tokensPerRow: 1, positions: [0] },
  { topK: 4, tokensPerRow: 1, positions: [1, 140] },
  { topK: 64, tokensPerRow: 1, positions: [61, 127] },
  { topK: 5, tokensPerRow: 4, positions: [0, 90] },
  { topK: 37, tokensPerRow: 2, positions: [140] },
];

test('topRows chooses the rows with the largest scores, of equals the first', () => {
  for (const c of SELECTIONS) {
    for (const weighted of [true, false]) {
      for (const keys of keysFor(c)) checkRows({ ...c, weighted }, keys);
    }
  }
});

test('topRows within blocks chooses rows of no others', () => {
  for (const c of SELECTIONS) {
    for (const [blockRows, blockCount] of [
      [3, 2],
      [70, 1],
      [5, 20],
    ] as const) {
      for (const keys of keysFor(c)) checkRows({ ...c, blockRows, blockCount }, keys);
    }
  }
});

test('topBlocks chooses the last block and those with the largest rows, of equals the first', () => {
  for (const c of SELECTIONS) {
    for (const blockRows of [1, 3, 8]) {
      for (const keys of keysFor(c)) checkBlocks({ ...c, blockRows }, keys);
    }
  }
});
