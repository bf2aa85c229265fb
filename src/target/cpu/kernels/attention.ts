/**
 * Attention: for each token and each group of heads that share a key head, scores by a linear against
 * the keys, softmax row by row, then the sum of the values weighted with it.
 *
 * Keys and values are read in place from the state, where consecutive tokens are G heads apart.
 */
import { type FunctionRef, type Local, type ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import { pushPosition } from './movement.ts';
import {
  ELEMENT_BYTES,
  pushProduct,
  pushSplat,
  pushSum,
  scaleToBytes,
  SINGLE,
  VECTOR_BYTES,
  WHOLE,
  type Access,
} from './vectors.ts';

/** Vectors of output that one walk over the values accumulates. */
const WIDE = 4;

export interface AttentionUses {
  readonly linear: FunctionRef;
  readonly softmax: FunctionRef;
}

export function addAttention(module: ModuleBuilder, { linear, softmax }: AttentionUses): void {
  const weightedSum = addWeightedSum(module);
  const spec = { params: KERNELS.attention, exported: true };
  module.addFunction('attention', spec, (f, p) => {
    const [b, t, g, r] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')];
    const [key, value, row] = [f.local('i32'), f.local('i32'), f.local('i32')];
    const shared = f.local('i32', 'shared'); // heads that share a key head
    const count = f.local('i32', 'count');
    const rowOf = (stride: Local): Local => {
      const product = f.local('i32');
      pushProduct(f, p.G, stride).set(product);
      return product;
    };
    f.get(p.H).get(p.G).emit('i32.div_u').set(shared);
    const [keyStride, valueStride] = [rowOf(p.keyWidth), rowOf(p.valueStride)];

    f.forLoop(b, 0, p.B, 1, () => {
      pushPosition(f, p.positions, b).set(count);
      f.forLoop(t, 0, p.T, 1, () => {
        f.advance(count, 1);
        f.get(p.keys).set(key);
        f.get(p.values).set(value);
        f.forLoop(g, 0, p.G, 1, () => {
          f.get(p.q).get(p.keyWidth).get(key).get(keyStride).get(p.scores).get(p.scoreStride);
          f.get(shared).get(count).get(p.keyWidth).emit('call', linear);
          f.get(p.scores).set(row);
          f.forLoop(r, 0, shared, 1, () => {
            f.get(row).get(count).get(p.scale).emit('call', softmax);
            advanceRows(row, p.scoreStride);
          });
          f.get(p.scores).get(p.scoreStride).get(value).get(valueStride).get(p.out);
          f.get(shared).get(count).get(p.valueWidth).emit('call', weightedSum);
          advanceRows(p.q, shared, p.keyWidth);
          advanceRows(p.out, shared, p.valueWidth);
          advanceRows(key, p.keyWidth);
          advanceRows(value, p.valueStride);
        });
      });
      advanceRows(p.keys, p.capacity, keyStride);
      advanceRows(p.values, p.capacity, valueStride);
    });

    /** Moves a pointer on by the product of counts of elements. */
    function advanceRows(pointer: Local, ...counts: readonly [Local, ...Local[]]): void {
      f.get(pointer);
      pushProduct(f, ELEMENT_BYTES, ...counts)
        .emit('i32.add')
        .set(pointer);
    }
  });
}

/** out[m] = Σ_s p[m][s] · values[s], rows of `width`, s < count; out rows are dense. */
function addWeightedSum(module: ModuleBuilder): FunctionRef {
  const params = {
    p: 'i32',
    pStride: 'i32',
    values: 'i32',
    valueStride: 'i32',
    out: 'i32',
    M: 'i32',
    count: 'i32',
    width: 'i32',
  } as const;
  return module.addFunction('weightedSum', { params }, (f, locals) => {
    const { p, pStride, values, valueStride, out, M, count, width } = locals;
    const [m, channel, end] = [f.local('i32'), f.local('i32'), f.local('i32')];
    const [weight, value, last] = [f.local('i32'), f.local('i32'), f.local('i32')];
    const factor = f.local('v128');
    const sums = Array.from({ length: WIDE }, () => f.local('v128'));
    scaleToBytes(f, pStride, valueStride, count, width);

    /** Channels of `vectors` accesses at a time, as far as whole ones go. */
    const walk = (access: Access, vectors: number): void => {
      const stepBytes = access.bytes * vectors;
      const used = sums.slice(0, vectors);
      f.get(width).i32(-stepBytes).emit('i32.and').set(end);
      f.forLoop(channel, channel, end, stepBytes, () => {
        for (const sum of used) pushSplat(f, 0).set(sum);
        pushSum(f, values, channel).set(value);
        f.forLoop(weight, p, last, ELEMENT_BYTES, () => {
          f.get(weight).emit('v128.load32_splat').set(factor);
          for (const [i, sum] of used.entries()) {
            f.get(sum);
            access.load(f.get(value), i * VECTOR_BYTES).get(factor);
            f.emit('f32x4.mul').emit('f32x4.add').set(sum);
          }
          f.advance(value, valueStride);
        });
        for (const [i, sum] of used.entries()) {
          access.store(pushSum(f, out, channel).get(sum), i * VECTOR_BYTES);
        }
      });
    };

    f.forLoop(m, 0, M, 1, () => {
      f.i32(0).set(channel);
      pushSum(f, p, count).set(last);
      walk(WHOLE, WIDE);
      walk(WHOLE, 1);
      walk(SINGLE, 1);
      f.advance(p, pStride).advance(out, width);
    });
  });
}
