/** Row-wise kernels: normalisations, a row or a number for each row, rotary embedding, the index of the largest. */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import {
  ELEMENT_BYTES,
  forRow,
  pushProduct,
  pushSplat,
  pushSum,
  reduceLanes,
  scaleToBytes,
} from './vectors.ts';

/** Adds `rmsNormalization`. */
export function addRmsNormalization(module: ModuleBuilder): void {
  const spec = { params: KERNELS.rmsNormalization, exported: true };
  module.addFunction('rmsNormalization', spec, (f, { x, w, out, rows, D, epsilon }) => {
    const [row, rowBytes] = [f.local('i32', 'row'), f.local('i32', 'rowBytes')];
    const [squares, scale] = [f.local('v128', 'squares'), f.local('v128', 'scale')];
    pushProduct(f, D, ELEMENT_BYTES).set(rowBytes);
    f.forLoop(row, 0, rows, 1, () => {
      sumSquares(f, x, rowBytes, squares, scale);
      pushInverseRoot(f, squares, D, epsilon, scale).set(scale);
      forRow(f, rowBytes, (offset, { load, store }) => {
        pushSum(f, out, offset);
        load(pushSum(f, x, offset))
          .get(scale)
          .emit('f32x4.mul');
        load(pushSum(f, w, offset)).emit('f32x4.mul');
        store(f);
      });
      f.advance(x, rowBytes).advance(out, rowBytes);
    });
  });
}

/** Adds `l2Normalization`. */
export function addL2Normalization(module: ModuleBuilder): void {
  const spec = { params: KERNELS.l2Normalization, exported: true };
  module.addFunction('l2Normalization', spec, (f, { x, out, rows, D, divisor, epsilon }) => {
    const row = f.local('i32', 'row');
    const [squares, scale] = [f.local('v128', 'squares'), f.local('v128', 'scale')];
    scaleToBytes(f, D);
    f.forLoop(row, 0, rows, 1, () => {
      sumSquares(f, x, D, squares, scale);
      pushInverseRoot(f, squares, divisor, epsilon, scale).set(scale);
      forRow(f, D, (offset, { load, store }) => {
        pushSum(f, out, offset);
        load(pushSum(f, x, offset))
          .get(scale)
          .emit('f32x4.mul');
        store(f);
      });
      f.advance(x, D).advance(out, D);
    });
  });
}

/** Adds `layerNormalization`. */
export function addLayerNormalization(module: ModuleBuilder): void {
  const spec = { params: KERNELS.layerNormalization, exported: true };
  module.addFunction('layerNormalization', spec, (f, { x, w, bias, out, rows, D, epsilon }) => {
    const [row, rowBytes] = [f.local('i32', 'row'), f.local('i32', 'rowBytes')];
    const [sums, scale] = [f.local('v128', 'sums'), f.local('v128', 'scale')];
    const mean = f.local('v128', 'mean');
    pushProduct(f, D, ELEMENT_BYTES).set(rowBytes);
    f.forLoop(row, 0, rows, 1, () => {
      pushSplat(f, 0).set(sums);
      forRow(f, rowBytes, (offset, { load }) => {
        load(pushSum(f.get(sums), x, offset))
          .emit('f32x4.add')
          .set(sums);
      });
      reduceLanes(f.get(sums), 'f32x4.add', scale);
      f.get(D).emit('f32.convert_i32_u').emit('f32x4.splat').emit('f32x4.div').set(mean);
      forRow(f, rowBytes, (offset, { load, store }) => {
        load(pushSum(pushSum(f, out, offset), x, offset))
          .get(mean)
          .emit('f32x4.sub');
        store(f);
      });
      sumSquares(f, out, rowBytes, sums, scale);
      pushInverseRoot(f, sums, D, epsilon, scale).set(scale);
      forRow(f, rowBytes, (offset, { load, store }) => {
        load(pushSum(pushSum(f, out, offset), out, offset))
          .get(scale)
          .emit('f32x4.mul');
        load(pushSum(f, w, offset)).emit('f32x4.mul');
        load(pushSum(f, bias, offset)).emit('f32x4.add');
        store(f);
      });
      f.advance(x, rowBytes).advance(out, rowBytes);
    });
  });
}

/** Adds `addRow`, `mulRow`, `addNumber` and `mulNumber`. */
export function addBroadcasts(module: ModuleBuilder): void {
  for (const op of ['add', 'mul'] as const) {
    for (const operand of ['Row', 'Number'] as const) {
      const params = KERNELS[`${op}${operand}`];
      module.addFunction(
        `${op}${operand}`,
        { params, exported: true },
        (f, { a, b, out, rows, D }) => {
          const row = f.local('i32', 'row');
          scaleToBytes(f, D);
          f.forLoop(row, 0, rows, 1, () => {
            forRow(f, D, (offset, { load, store }) => {
              load(pushSum(pushSum(f, out, offset), a, offset));
              if (operand === 'Row') load(pushSum(f, b, offset));
              else f.get(b).emit('v128.load32_splat');
              store(f.emit(`f32x4.${op}`));
            });
            f.advance(a, D).advance(out, D);
            if (operand === 'Number') f.advance(b, ELEMENT_BYTES);
          });
        },
      );
    }
  }
}

/** Sets `squares` to the parts of the sum of squares of a row. */
export function sumSquares(
  f: FunctionBuilder,
  x: Local,
  rowBytes: Local,
  squares: Local,
  scratch: Local,
): void {
  pushSplat(f, 0).set(squares);
  forRow(f, rowBytes, (offset, { load }) => {
    load(pushSum(f, x, offset))
      .tee(scratch)
      .get(scratch)
      .emit('f32x4.mul');
    f.get(squares).emit('f32x4.add').set(squares);
  });
}

/** Pushes 1 / √(sum / D + ε) in all lanes, where `squares` holds the parts of the sum. */
export function pushInverseRoot(
  f: FunctionBuilder,
  squares: Local,
  D: Local,
  epsilon: Local,
  scratch: Local,
): FunctionBuilder {
  pushSplat(f, 1).get(squares);
  reduceLanes(f, 'f32x4.add', scratch);
  f.get(D).emit('f32.convert_i32_u').emit('f32x4.splat').emit('f32x4.div');
  f.get(epsilon).emit('f32x4.splat').emit('f32x4.add');
  return f.emit('f32x4.sqrt').emit('f32x4.div');
}

/** Adds `rotaryEmbedding`. */
export function addRotaryEmbedding(module: ModuleBuilder): void {
  const spec = { params: KERNELS.rotaryEmbedding, exported: true };
  module.addFunction('rotaryEmbedding', spec, (f, p) => {
    const { x, cos, sin, out, rows, H, pairs, step, distance } = p;
    const [row, h, pair] = [f.local('i32', 'row'), f.local('i32', 'h'), f.local('i32', 'pair')];
    const [first, second] = [f.local('i32', 'first'), f.local('i32', 'second')];
    scaleToBytes(f, pairs, step, distance);
    f.forLoop(row, 0, rows, 1, () => {
      f.forLoop(h, 0, H, 1, () => {
        f.i32(0).set(first);
        f.forLoop(pair, 0, pairs, ELEMENT_BYTES, () => {
          f.get(first).get(distance).emit('i32.add').set(second);
          rotate(f, p, { pair, first, second });
          f.advance(first, step);
        });
        pushProduct(f, pairs, 2).set(first);
        f.advance(x, first).advance(out, first);
      });
      f.advance(cos, pairs).advance(sin, pairs);
    });
  });
}

interface Offsets {
  readonly pair: Local;
  readonly first: Local;
  readonly second: Local;
}

/** first' = first·cos − second·sin, second' = second·cos + first·sin, each operation rounded. */
function rotate(
  f: FunctionBuilder,
  { x, cos, sin, out }: { readonly [K in 'x' | 'cos' | 'sin' | 'out']: Local },
  { pair, first, second }: Offsets,
): void {
  const pushTerm = (channel: Local, table: Local): void => {
    pushSum(f, x, channel).emit('f32.load');
    pushSum(f, table, pair).emit('f32.load').emit('f32.mul');
  };
  pushSum(f, out, first);
  pushTerm(first, cos);
  pushTerm(second, sin);
  f.emit('f32.sub').emit('f32.store');
  pushSum(f, out, second);
  pushTerm(second, cos);
  pushTerm(first, sin);
  f.emit('f32.add').emit('f32.store');
}

/** Adds indexOfLargest(row, size) → i32: the first of the largest; 0 where nothing exceeds −infinity. */
export function addIndexOfLargest(module: ModuleBuilder): FunctionRef {
  const spec = { params: { row: 'i32', size: 'i32' }, results: ['i32'] } as const;
  return module.addFunction('indexOfLargest', spec, (f, { row, size }) => {
    const [i, index] = [f.local('i32', 'i'), f.local('i32', 'index')];
    const [value, largest] = [f.local('f32', 'value'), f.local('f32', 'largest')];
    f.emit('f32.const', -Infinity).set(largest);
    f.forLoop(i, 0, size, 1, () => {
      f.get(row).emit('f32.load').tee(value).get(largest).emit('f32.gt');
      f.if(() => f.get(value).set(largest).get(i).set(index));
      f.advance(row, ELEMENT_BYTES);
    });
    f.get(index);
  });
}

/** Adds `argMax`. */
export function addArgMax(module: ModuleBuilder, indexOfLargest: FunctionRef): void {
  const spec = { params: KERNELS.argMax, exported: true };
  module.addFunction('argMax', spec, (f, { x, out, rows, size }) => {
    const [row, rowBytes] = [f.local('i32', 'row'), f.local('i32', 'rowBytes')];
    pushProduct(f, size, ELEMENT_BYTES).set(rowBytes);
    f.forLoop(row, 0, rows, 1, () => {
      f.get(out).get(x).get(size).emit('call', indexOfLargest).emit('i32.store');
      f.advance(out, ELEMENT_BYTES).advance(x, rowBytes);
    });
  });
}
