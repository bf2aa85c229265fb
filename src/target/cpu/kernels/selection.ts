/**
 * The lightning indexer: which rows of its sequence a token attends to, and in which blocks they are.
 *
 * Scores become integers that order alike: the bits, all but the sign turned over where it is set.
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { INDEX_BLOCK, KERNELS } from './kernels.table.ts';
import { addChooseLargest } from './largest.ts';
import { pushPosition } from './movement.ts';
import {
  advanceElements,
  ELEMENT_BYTES,
  pushProduct,
  pushRow,
  pushSplat,
  pushSum,
  scaleToBytes,
  VECTOR_BYTES,
} from './vectors.ts';

/** Above every score: of the newest block, which is always chosen. */
const FIRST_OF_ALL = 0x7fffffff;

/** What both kernels call. */
interface Parts {
  readonly scoreRows: FunctionRef;
  readonly chooseLargest: FunctionRef;
}

/** Adds `topRows` and `topBlocks`. */
export function addSelection(module: ModuleBuilder, linear: FunctionRef): void {
  const chooseLargest = addChooseLargest(module);
  const parts = { scoreRows: addScoreRows(module, linear), chooseLargest };
  addTopRows(module, parts);
  addTopBlocks(module, parts);
}

type CommonParams = { readonly [K in keyof typeof KERNELS.topBlocks]: Local };

/** Runs `body` for each token, of which `count` rows are visible. */
function forTokens(f: FunctionBuilder, p: CommonParams, body: (count: Local) => void): void {
  const [b, t] = [f.local('i32', 'b'), f.local('i32', 't')];
  const [end, count] = [f.local('i32', 'end'), f.local('i32', 'count')];
  f.forLoop(b, 0, p.B, 1, () => {
    pushPosition(f, p.positions, b).get(p.first).emit('i32.add').set(end);
    f.forLoop(t, 0, p.T, 1, () => {
      f.advance(end, 1);
      f.get(end).get(p.tokensPerRow).emit('i32.div_u').set(count);
      body(count);
      advanceElements(f, p.q, p.H, p.K);
      f.get(p.weights).if(() => advanceElements(f, p.weights, p.H));
      advanceElements(f, p.out, p.topK);
    });
    advanceElements(f, p.keys, p.capacity, p.K);
  });
}

/** Scores all visible rows. */
function scoreAll(
  f: FunctionBuilder,
  { q, weights, keys, block, scores, H, K }: CommonParams,
  count: Local,
  scoreRows: FunctionRef,
): void {
  f.get(q).get(weights).get(keys).get(count).get(block).get(scores).get(H).get(K);
  f.emit('call', scoreRows);
}

function addTopRows(module: ModuleBuilder, { scoreRows, chooseLargest }: Parts): void {
  module.addFunction('topRows', { params: KERNELS.topRows, exported: true }, (f, p) => {
    forTokens(f, p, (count) => {
      f.get(p.blocks).if(
        () => chooseWithin(f, p, count, { scoreRows, chooseLargest }),
        () => {
          scoreAll(f, p, count, scoreRows);
          f.get(p.scores).get(count).get(p.topK).get(p.out).emit('call', chooseLargest);
        },
      );
    });
  });
}

type TopRowsParams = { readonly [K in keyof typeof KERNELS.topRows]: Local };

/**
 * The rows of the blocks of one token lie one behind the other; as only the last may be short, the place
 * of a row says which of which block it is.
 */
function chooseWithin(
  f: FunctionBuilder,
  {
    q,
    weights,
    keys,
    block,
    blocks,
    scores,
    out,
    H,
    K,
    topK,
    blockCount,
    blockRows,
  }: TopRowsParams,
  count: Local,
  { scoreRows, chooseLargest }: Parts,
): void {
  const [i, first, size] = [
    f.local('i32', 'i'),
    f.local('i32', 'first row'),
    f.local('i32', 'size'),
  ];
  const [total, place, row] = [f.local('i32', 'total'), f.local('i32'), f.local('i32', 'row')];
  f.i32(0).set(total);
  f.forLoop(i, 0, blockCount, 1, () => {
    pushRow(f, blocks, i, ELEMENT_BYTES).emit('i32.load').get(blockRows).emit('i32.mul').tee(first);
    f.get(count)
      .emit('i32.lt_u')
      .if(() => {
        f.get(count).get(first).emit('i32.sub').set(size);
        pushSmaller(f, size, blockRows).set(size);
        f.get(q).get(weights).get(keys);
        pushProduct(f, first, K, ELEMENT_BYTES).emit('i32.add').get(size).get(block);
        pushRow(f, scores, total, ELEMENT_BYTES).get(H).get(K).emit('call', scoreRows);
        f.advance(total, size);
      });
  });
  f.get(scores).get(total).get(topK).get(out).emit('call', chooseLargest);
  f.get(out).set(place);
  f.forLoop(i, 0, topK, 1, () => {
    f.get(place)
      .emit('i32.load')
      .tee(row)
      .i32(0)
      .emit('i32.ge_s')
      .if(() => {
        f.get(place).get(blocks).get(row).get(blockRows).emit('i32.div_u');
        f.i32(ELEMENT_BYTES).emit('i32.mul').emit('i32.add').emit('i32.load');
        f.get(blockRows).emit('i32.mul').get(row).get(blockRows).emit('i32.rem_u');
        f.emit('i32.add').emit('i32.store');
      });
    f.advance(place, ELEMENT_BYTES);
  });
  advanceElements(f, blocks, blockCount);
}

function addTopBlocks(module: ModuleBuilder, { scoreRows, chooseLargest }: Parts): void {
  module.addFunction('topBlocks', { params: KERNELS.topBlocks, exported: true }, (f, p) => {
    const { scores, blockRows } = p;
    const [row, last, best] = [f.local('i32', 'row'), f.local('i32'), f.local('i32', 'best')];
    const [place, score, blocks] = [f.local('i32'), f.local('i32', 'score'), f.local('i32')];
    forTokens(f, p, (count) => {
      scoreAll(f, p, count, scoreRows);
      f.i32(0).set(blocks);
      f.forLoop(row, 0, count, blockRows, () => {
        pushSum(f, row, blockRows).set(last);
        pushSmaller(f, last, count).set(last);
        pushRow(f, scores, row, ELEMENT_BYTES).tee(place).emit('i32.load').set(best);
        pushRow(f, scores, last, ELEMENT_BYTES).set(last);
        f.forLoop(place, place, last, ELEMENT_BYTES, () => {
          f.get(place).emit('i32.load').tee(score).get(best).get(score).get(best);
          f.emit('i32.gt_s').emit('select').set(best);
        });
        pushRow(f, scores, blocks, ELEMENT_BYTES).get(best).emit('i32.store');
        f.advance(blocks, 1);
      });
      f.get(blocks).if(() => {
        pushRow(f, scores, blocks, ELEMENT_BYTES).i32(ELEMENT_BYTES).emit('i32.sub');
        f.i32(FIRST_OF_ALL).emit('i32.store');
      });
      f.get(scores).get(blocks).get(p.topK).get(p.out).emit('call', chooseLargest);
    });
  });
}

/** Pushes the smaller of two counts. */
function pushSmaller(f: FunctionBuilder, a: Local, b: Local | number): FunctionBuilder {
  return f.get(a).i32(b).get(a).i32(b).emit('i32.lt_u').emit('select');
}

const SCORE_PARAMS = {
  q: 'i32',
  weights: 'i32',
  keys: 'i32',
  count: 'i32',
  block: 'i32',
  scores: 'i32',
  H: 'i32',
  K: 'i32',
} as const;

/**
 * Adds scoreRows(q, weights, keys, count, block, scores, H, K): for one token Σ_h weights_h·relu(q_h·key)
 * of `count` keys, as integers that order alike; weights 0 are all 1. `scores` has room up to the next
 * multiple of INDEX_BLOCK.
 */
function addScoreRows(module: ModuleBuilder, linear: FunctionRef): FunctionRef {
  return module.addFunction('scoreRows', { params: SCORE_PARAMS }, (f, p) => {
    const { q, weights, keys, count, block, scores, H, K } = p;
    const [row, size] = [f.local('i32', 'row'), f.local('i32', 'size')];
    const [offset, h, from] = [f.local('i32'), f.local('i32'), f.local('i32')];
    const [total, keyBytes] = [f.local('v128', 'total'), f.local('i32', 'keyBytes')];
    f.get(K).set(keyBytes);
    scaleToBytes(f, keyBytes);
    f.forLoop(row, 0, count, INDEX_BLOCK, () => {
      f.get(count).get(row).emit('i32.sub').set(size);
      pushSmaller(f, size, INDEX_BLOCK).set(size);
      f.get(q).get(K);
      pushRow(f, keys, row, keyBytes).get(K).get(block).i32(INDEX_BLOCK);
      f.get(H).get(size).get(K).emit('call', linear);
      f.forLoop(offset, 0, INDEX_BLOCK * ELEMENT_BYTES, VECTOR_BYTES, () => {
        pushSplat(f, 0).set(total);
        pushSum(f, block, offset).set(from);
        f.forLoop(h, 0, H, 1, () => {
          pushSplat(f.get(from).emit('v128.load'), 0).emit('f32x4.max');
          f.get(weights).if(
            () => pushRow(f, weights, h, ELEMENT_BYTES).emit('v128.load32_splat'),
            () => pushSplat(f, 1),
            'v128',
          );
          f.emit('f32x4.mul').get(total).emit('f32x4.add').set(total);
          f.advance(from, INDEX_BLOCK * ELEMENT_BYTES);
        });
        pushRow(f, scores, row, ELEMENT_BYTES).get(offset).emit('i32.add');
        f.get(total).get(total).i32(31).emit('i32x4.shr_s').i32(1).emit('i32x4.shr_u');
        f.emit('v128.xor').emit('v128.store');
      });
    });
  });
}
