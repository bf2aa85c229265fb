/** Gates of experts: scores of logits, their scale, and the gates of experts that a table gives by token. */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS, SCORINGS } from './kernels.table.ts';
import { ELEMENT_BYTES, forRow, pushProduct, pushRow, pushSum, scaleToBytes } from './vectors.ts';

/** Added to the sum that gates are divided by, so that it is never zero. */
export const SMALLEST_SUM = 1e-20;

interface ScoreUses {
  readonly sigmoid: FunctionRef;
  readonly softplus: FunctionRef;
  readonly softmax: FunctionRef;
}

/**
 * Adds scoreExperts(logits, scores, E, scoring): scores of one token, which have room for a whole number
 * of vectors.
 */
export function addScoreExperts(module: ModuleBuilder, uses: ScoreUses): FunctionRef {
  const params = { logits: 'i32', scores: 'i32', E: 'i32', scoring: 'i32' } as const;
  return module.addFunction('scoreExperts', { params }, (f, { logits, scores, E, scoring }) => {
    const rowBytes = f.local('i32', 'rowBytes');
    pushProduct(f, E, ELEMENT_BYTES).set(rowBytes);
    f.get(scores).get(logits).get(rowBytes).emit('memory.copy');
    const each = (body: () => void): void =>
      forRow(f, rowBytes, (offset, { load, store }) => {
        load(pushSum(pushSum(f, scores, offset), scores, offset));
        body();
        store(f);
      });
    const where = (name: keyof typeof SCORINGS, body: () => void): void => {
      f.get(scoring).i32(SCORINGS[name]).emit('i32.eq').if(body);
    };
    where('softmax', () => f.get(scores).get(E).emit('f32.const', 1).emit('call', uses.softmax));
    where('sigmoid', () => each(() => f.emit('call', uses.sigmoid)));
    where('sqrtSoftplus', () => each(() => f.emit('call', uses.softplus).emit('f32x4.sqrt')));
  });
}

/** Adds scaleRow(row, size, divisor, factor), in place. */
export function addScaleRow(module: ModuleBuilder): FunctionRef {
  const params = { row: 'i32', size: 'i32', divisor: 'f32', factor: 'f32' } as const;
  return module.addFunction('scaleRow', { params }, (f, { row, size, divisor, factor }) => {
    scaleToBytes(f, size);
    forRow(f, size, (offset, { load, store }) => {
      load(pushSum(pushSum(f, row, offset), row, offset));
      f.get(divisor).emit('f32x4.splat').emit('f32x4.div');
      store(f.get(factor).emit('f32x4.splat').emit('f32x4.mul'));
    });
  });
}

type Params = { readonly [K in keyof typeof KERNELS.routeByToken]: Local };

/** Adds `routeByToken`. */
export function addRouteByToken(
  module: ModuleBuilder,
  uses: { readonly scoreExperts: FunctionRef; readonly scaleRow: FunctionRef },
): void {
  const spec = { params: KERNELS.routeByToken, exported: true };
  module.addFunction('routeByToken', spec, (f, p) => {
    const { logits, tokens, scratch, out, rows, E } = p;
    const [row, rowBytes] = [f.local('i32', 'row'), f.local('i32', 'rowBytes')];
    const sum = f.local('f32', 'sum');
    pushProduct(f, E, ELEMENT_BYTES).set(rowBytes);
    f.forLoop(row, 0, rows, 1, () => {
      f.get(logits).get(scratch).get(E).get(p.scoring).emit('call', uses.scoreExperts);
      f.get(out).i32(0).get(rowBytes).emit('memory.fill');
      copyScores(f, p, sum);
      f.get(out).get(E).get(sum).emit('f32.const', 1).get(p.normalize).emit('select');
      f.get(p.scale).emit('call', uses.scaleRow);
      f.advance(logits, rowBytes).advance(out, rowBytes).advance(tokens, ELEMENT_BYTES);
    });
  });
}

/** The scores of the experts in the table, which the device has checked, to `out`; their sum to `sum`. */
function copyScores(
  f: FunctionBuilder,
  { tokens, table, scratch, out, topK }: Params,
  sum: Local,
): void {
  const [i, from, expert] = [f.local('i32'), f.local('i32'), f.local('i32', 'expert')];
  const score = f.local('f32', 'score');
  f.emit('f32.const', SMALLEST_SUM).set(sum);
  f.get(table).get(tokens).emit('i32.load').get(topK).emit('i32.mul');
  f.i32(ELEMENT_BYTES).emit('i32.mul').emit('i32.add').set(from);
  f.forLoop(i, 0, topK, 1, () => {
    f.get(from).emit('f32.load').emit('i32.trunc_sat_f32_u').set(expert);
    pushRow(f, scratch, expert, ELEMENT_BYTES).emit('f32.load').set(score);
    pushRow(f, out, expert, ELEMENT_BYTES).get(score).emit('f32.store');
    f.get(sum).get(score).emit('f32.add').set(sum);
    f.advance(from, ELEMENT_BYTES);
  });
}
