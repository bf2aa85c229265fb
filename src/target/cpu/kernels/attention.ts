/**
 * Attention: for each token and each group of heads that share a key head, scores by a linear against
 * the keys, softmax row by row, then the sum of the values weighted with it.
 *
 * Keys and values are read in place from the state, where consecutive tokens are G heads apart.
 */
import {
  type FunctionBuilder,
  type FunctionRef,
  type Local,
  type ModuleBuilder,
} from '../../../wasm/index.ts';
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

/** Vectors of the result that one walk over the values accumulates. */
const WIDE = 4;

/** Functions that attention calls. */
export interface AttentionUses {
  readonly linear: FunctionRef;
  readonly softmax: FunctionRef;
}

type Params = { readonly [K in keyof typeof KERNELS.attention]: Local };

/** The parameters, and the locals that all parts of the kernel share. */
interface Site extends Params {
  readonly f: FunctionBuilder;
  readonly uses: AttentionUses & { readonly weightedSum: FunctionRef };
  /** Heads that share a key head. */
  readonly shared: Local;
  /** Elements from one token to the next in keys and in values. */
  readonly keyStep: Local;
  readonly valueStep: Local;
  /** Row 0 of the key head and of the value head at hand. */
  readonly key: Local;
  readonly value: Local;
  /** Rows that the token at hand sees. */
  readonly count: Local;
}

/** Adds `attention`. */
export function addAttention(module: ModuleBuilder, uses: AttentionUses): void {
  const weightedSum = addWeightedSum(module);
  const spec = { params: KERNELS.attention, exported: true };
  module.addFunction('attention', spec, (f, p) => {
    const site: Site = {
      ...p,
      f,
      uses: { ...uses, weightedSum },
      shared: f.local('i32', 'shared'),
      keyStep: f.local('i32', 'keyStep'),
      valueStep: f.local('i32', 'valueStep'),
      key: f.local('i32', 'key'),
      value: f.local('i32', 'value'),
      count: f.local('i32', 'count'),
    };
    f.get(p.H).get(p.G).emit('i32.div_u').set(site.shared);
    pushProduct(f, p.G, p.keyWidth).set(site.keyStep);
    pushProduct(f, p.G, p.valueStride).set(site.valueStep);
    attendSequences(site);
  });
}

function attendSequences(site: Site): void {
  const { f, B, T, G, positions, count, keys, values, key, value } = site;
  const [b, t, g] = [f.local('i32'), f.local('i32'), f.local('i32')];
  f.forLoop(b, 0, B, 1, () => {
    pushPosition(f, positions, b).set(count);
    f.forLoop(t, 0, T, 1, () => {
      f.advance(count, 1);
      f.get(keys).set(key);
      f.get(values).set(value);
      f.forLoop(g, 0, G, 1, () => attendGroup(site));
    });
    advanceElements(f, keys, site.capacity, site.keyStep);
    advanceElements(f, values, site.capacity, site.valueStep);
  });
}

/** The heads of one group of one token; moves on to the next. */
function attendGroup(site: Site): void {
  const { f, uses, q, key, value, scores, scoreStride, out, shared, count } = site;
  const { keyWidth, valueWidth, valueStride, scale } = site;
  const [row, r] = [f.local('i32'), f.local('i32')];
  f.get(q).get(keyWidth).get(key).get(site.keyStep).get(scores).get(scoreStride);
  f.get(shared).get(count).get(keyWidth).emit('call', uses.linear);
  f.get(scores).set(row);
  f.forLoop(r, 0, shared, 1, () => {
    f.get(row).get(count).get(scale).emit('call', uses.softmax);
    advanceElements(f, row, scoreStride);
  });
  f.get(scores).get(scoreStride).get(value).get(site.valueStep).get(out);
  f.get(shared).get(count).get(valueWidth).emit('call', uses.weightedSum);
  advanceElements(f, q, shared, keyWidth);
  advanceElements(f, out, shared, valueWidth);
  advanceElements(f, key, keyWidth);
  advanceElements(f, value, valueStride);
}

/** Moves a pointer on by the product of counts of elements. */
function advanceElements(f: FunctionBuilder, pointer: Local, ...counts: readonly Local[]): void {
  f.get(pointer);
  pushProduct(f, ELEMENT_BYTES, ...counts)
    .emit('i32.add')
    .set(pointer);
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
