/**
 * Which of many scores are the largest.
 *
 * The smallest score that is chosen is found bit by bit, from the highest: a bit stays if enough scores
 * reach what it makes. That reads all scores 32 times, whatever topK is.
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { ELEMENT_BYTES, pushRow, VECTOR_BYTES, VECTOR_ELEMENTS } from './vectors.ts';

/** Below every score; fills rows up to whole vectors. */
const NO_SCORE = -(2 ** 31);

const NO_ROW = -1;

/**
 * Adds chooseLargest(scores, count, topK, out): the indices of the topK largest of `count` scores i32,
 * ascending, of equals the first, −1 where there are fewer. `scores` has room up to whole vectors.
 */
export function addChooseLargest(module: ModuleBuilder): FunctionRef {
  const threshold = addThreshold(module, addCountReaching(module));
  const spec = { params: { scores: 'i32', count: 'i32', topK: 'i32', out: 'i32' } } as const;
  return module.addFunction('chooseLargest', spec, (f, { scores, count, topK, out }) => {
    const [place, end, row] = [f.local('i32'), f.local('i32', 'end of row'), f.local('i32')];
    const [score, least] = [f.local('i32', 'score'), f.local('i32', 'least')];
    const [equals, from] = [f.local('i32', 'equals'), f.local('i32')];
    const push = (): void => {
      f.get(place).get(row).emit('i32.store');
      f.advance(place, ELEMENT_BYTES);
    };
    f.get(out).set(place);
    pushRow(f, out, topK, ELEMENT_BYTES).set(end);
    f.get(count).get(topK).emit('i32.le_u');
    f.if(
      () => f.forLoop(row, 0, count, 1, push),
      () => {
        f.get(scores).get(count).get(topK).emit('call', threshold).set(least);
        countEquals(f, { scores, topK }, count, least, equals);
        f.get(scores).set(from);
        f.forLoop(row, 0, count, 1, () => {
          f.get(from).emit('i32.load').tee(score).get(least).emit('i32.gt_s');
          f.if(push, () => {
            f.get(score).get(least).emit('i32.eq').get(equals).i32(0).emit('i32.gt_s');
            f.emit('i32.and').if(() => {
              push();
              f.advance(equals, -1);
            });
          });
          f.advance(from, ELEMENT_BYTES);
        });
      },
    );
    f.forLoop(place, place, end, ELEMENT_BYTES, () => f.get(place).i32(NO_ROW).emit('i32.store'));
  });
}

/** Sets `equals` to how many of the scores that equal the least are chosen. */
function countEquals(
  f: FunctionBuilder,
  { scores, topK }: Readonly<Record<'scores' | 'topK', Local>>,
  count: Local,
  least: Local,
  equals: Local,
): void {
  const [from, end] = [f.local('i32'), f.local('i32')];
  f.get(topK).set(equals);
  pushRow(f, scores, count, ELEMENT_BYTES).set(end);
  f.forLoop(from, scores, end, ELEMENT_BYTES, () => {
    f.get(equals)
      .get(from)
      .emit('i32.load')
      .get(least)
      .emit('i32.gt_s')
      .emit('i32.sub')
      .set(equals);
  });
}

/** Adds countReaching(scores, end, least) → i32: how many of whole vectors are at least that large. */
function addCountReaching(module: ModuleBuilder): FunctionRef {
  const spec = {
    params: { scores: 'i32', end: 'i32', least: 'i32' },
    results: ['i32'],
  } as const;
  return module.addFunction('countReaching', spec, (f, { scores, end, least }) => {
    const [counts, bound] = [f.local('v128', 'counts'), f.local('v128', 'bound')];
    f.get(least).emit('i32x4.splat').set(bound);
    f.forLoop(scores, scores, end, VECTOR_BYTES, () => {
      f.get(counts).get(scores).emit('v128.load').get(bound).emit('i32x4.ge_s');
      f.emit('i32x4.sub').set(counts);
    });
    for (let lane = 0; lane < VECTOR_ELEMENTS; lane++) {
      f.get(counts).emit('i32x4.extract_lane', lane);
      if (lane > 0) f.emit('i32.add');
    }
  });
}

/** Adds threshold(scores, count, topK) → i32: the topK-th largest of more. */
function addThreshold(module: ModuleBuilder, countReaching: FunctionRef): FunctionRef {
  const spec = {
    params: { scores: 'i32', count: 'i32', topK: 'i32' },
    results: ['i32'],
  } as const;
  return module.addFunction('threshold', spec, (f, { scores, count, topK }) => {
    const [end, from, whole] = [f.local('i32', 'end'), f.local('i32'), f.local('i32', 'whole')];
    const [bit, least] = [f.local('i32', 'bit'), f.local('i32', 'least')];
    pushRow(f, scores, count, ELEMENT_BYTES).set(end);
    f.get(end)
      .i32(VECTOR_BYTES - 1)
      .emit('i32.add')
      .i32(-VECTOR_BYTES)
      .emit('i32.and')
      .set(whole);
    f.forLoop(from, end, whole, ELEMENT_BYTES, () => f.get(from).i32(NO_SCORE).emit('i32.store'));
    f.i32(NO_SCORE).set(least); // all bits of the unsigned order clear
    f.i32(NO_SCORE).set(bit);
    f.loop((next) => {
      f.get(scores).get(whole).get(least).get(bit).emit('i32.xor').emit('call', countReaching);
      f.get(topK).emit('i32.ge_u');
      f.if(() => f.get(least).get(bit).emit('i32.xor').set(least));
      f.get(bit).i32(1).emit('i32.shr_u').tee(bit).emit('br_if', next);
    });
    f.get(least);
  });
}
