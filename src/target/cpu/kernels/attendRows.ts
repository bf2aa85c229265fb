/**
 * What all attention is made of: heads that share their keys, against rows some elements apart. Scores by
 * a linear, softmax row by row, then the sum of the values weighted with it.
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import {
  ELEMENT_BYTES,
  pushRow,
  pushSplat,
  pushSum,
  scaleToBytes,
  SINGLE,
  VECTOR_BYTES,
  WHOLE,
  type Access,
} from './vectors.ts';

/** Vectors of the result that one walk over the values accumulates. */
const WIDE = 4;

const ATTEND_PARAMS = {
  q: 'i32',
  key: 'i32',
  keyStep: 'i32',
  value: 'i32',
  valueStep: 'i32',
  scores: 'i32',
  scoreStride: 'i32',
  out: 'i32',
  heads: 'i32',
  count: 'i32',
  keyWidth: 'i32',
  valueWidth: 'i32',
  scale: 'f32',
  sinks: 'i32',
} as const;

/** The functions of this file. */
export interface AttentionParts {
  /**
   * Dense heads of q against `count` rows; `scores` has room for a row of `scoreStride` a head. Where
   * `sinks` is not 0, a logit of each head that has no value: one more score a head.
   */
  readonly attendRows: FunctionRef;
  /** out[m] = Σ_s p[m][s] · values[s], rows of `width`, s < count; out rows are dense. */
  readonly weightedSum: FunctionRef;
}

/** Adds the parts. */
export function addAttentionParts(
  module: ModuleBuilder,
  { linear, softmax }: { readonly linear: FunctionRef; readonly softmax: FunctionRef },
): AttentionParts {
  const weightedSum = addWeightedSum(module);
  const attendRows = module.addFunction('attendRows', { params: ATTEND_PARAMS }, (f, p) => {
    const { scores, scoreStride, heads, count, keyWidth, scale, sinks } = p;
    const [row, r, size] = [f.local('i32', 'row'), f.local('i32', 'r'), f.local('i32', 'size')];
    f.get(p.q).get(keyWidth).get(p.key).get(p.keyStep).get(scores).get(scoreStride);
    f.get(heads).get(count).get(keyWidth).emit('call', linear);
    f.get(count).get(sinks).i32(0).emit('i32.ne').emit('i32.add').set(size);
    f.get(scores).set(row);
    f.forLoop(r, 0, heads, 1, () => {
      f.get(sinks).if(() => {
        pushRow(f, row, count, ELEMENT_BYTES);
        pushRow(f, sinks, r, ELEMENT_BYTES).emit('f32.load');
        f.get(scale).emit('f32.div').emit('f32.store');
      });
      f.get(row).get(size).get(scale).emit('call', softmax);
      pushRow(f, row, scoreStride, ELEMENT_BYTES).set(row);
    });
    f.get(scores).get(scoreStride).get(p.value).get(p.valueStep).get(p.out);
    f.get(heads).get(count).get(p.valueWidth).emit('call', weightedSum);
  });
  return { attendRows, weightedSum };
}

const SUM_PARAMS = {
  p: 'i32',
  pStride: 'i32',
  values: 'i32',
  valueStep: 'i32',
  out: 'i32',
  M: 'i32',
  count: 'i32',
  width: 'i32',
} as const;

type SumParams = { readonly [K in keyof typeof SUM_PARAMS]: Local };

/** out[m] = Σ_s p[m][s] · values[s], rows of `width`, s < count; out rows are dense. */
function addWeightedSum(module: ModuleBuilder): FunctionRef {
  return module.addFunction('weightedSum', { params: SUM_PARAMS }, (f, locals) => {
    const { p, pStride, valueStep, out, M, count, width } = locals;
    const [m, channel] = [f.local('i32', 'm'), f.local('i32', 'channel')];
    const sums = Array.from({ length: WIDE }, () => f.local('v128'));
    scaleToBytes(f, pStride, valueStep, count, width);
    f.forLoop(m, 0, M, 1, () => {
      f.i32(0).set(channel);
      sumChannels(f, locals, channel, sums, WHOLE);
      sumChannels(f, locals, channel, sums.slice(0, 1), WHOLE);
      sumChannels(f, locals, channel, sums.slice(0, 1), SINGLE);
      f.advance(p, pStride).advance(out, width);
    });
  });
}

/** As many accesses at a time as there are sums, as far as the row has room for all of them. */
function sumChannels(
  f: FunctionBuilder,
  { p, values, valueStep, out, count, width }: SumParams,
  channel: Local,
  sums: readonly Local[],
  access: Access,
): void {
  const [end, weight, last, value] = [
    f.local('i32'),
    f.local('i32'),
    f.local('i32'),
    f.local('i32'),
  ];
  const factor = f.local('v128');
  const stepBytes = access.bytes * sums.length;
  f.get(width).i32(-stepBytes).emit('i32.and').set(end);
  pushSum(f, p, count).set(last);
  f.forLoop(channel, channel, end, stepBytes, () => {
    for (const sum of sums) pushSplat(f, 0).set(sum);
    pushSum(f, values, channel).set(value);
    f.forLoop(weight, p, last, ELEMENT_BYTES, () => {
      f.get(weight).emit('v128.load32_splat').set(factor);
      for (const [i, sum] of sums.entries()) {
        access.load(f.get(sum).get(value), i * VECTOR_BYTES).get(factor);
        f.emit('f32x4.mul').emit('f32x4.add').set(sum);
      }
      f.advance(value, valueStep);
    });
    for (const [i, sum] of sums.entries()) {
      access.store(pushSum(f, out, channel).get(sum), i * VECTOR_BYTES);
    }
  });
}
