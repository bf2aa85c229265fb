/** Sums of products of two rows, and how well they agree. */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { pushSignedRoot } from './elementwise.ts';
import { KERNELS } from './kernels.table.ts';
import { pushInverseRoot, sumSquares } from './rows.ts';
import {
  ELEMENT_BYTES,
  forRow,
  pushProduct,
  pushSplat,
  pushSum,
  reduceLanes,
  SINGLE,
} from './vectors.ts';

/** Adds `dot` and `nGramGate`. */
export function addProducts(module: ModuleBuilder, sigmoid: FunctionRef): void {
  addDot(module);
  addNGramGate(module, sigmoid);
}

/** Pushes the sum of the products of rows of `sizeBytes`, element by element, in all lanes. */
function pushSumOfProducts(
  f: FunctionBuilder,
  factors: readonly Local[],
  sizeBytes: Local,
): FunctionBuilder {
  const [sums, scratch] = [f.local('v128'), f.local('v128')];
  pushSplat(f, 0).set(sums);
  forRow(f, sizeBytes, (offset, { load }) => {
    for (const [i, factor] of factors.entries()) {
      load(pushSum(f, factor, offset));
      if (i > 0) f.emit('f32x4.mul');
    }
    f.get(sums).emit('f32x4.add').set(sums);
  });
  return reduceLanes(f.get(sums), 'f32x4.add', scratch);
}

function addDot(module: ModuleBuilder): void {
  const spec = { params: KERNELS.dot, exported: true };
  module.addFunction('dot', spec, (f, { a, b, out, rows, D }) => {
    const [row, rowBytes] = [f.local('i32', 'row'), f.local('i32', 'rowBytes')];
    pushProduct(f, D, ELEMENT_BYTES).set(rowBytes);
    f.forLoop(row, 0, rows, 1, () => {
      f.get(out);
      SINGLE.store(pushSumOfProducts(f, [a, b], rowBytes));
      f.advance(a, rowBytes).advance(b, rowBytes).advance(out, ELEMENT_BYTES);
    });
  });
}

function addNGramGate(module: ModuleBuilder, sigmoid: FunctionRef): void {
  const spec = { params: KERNELS.nGramGate, exported: true };
  module.addFunction('nGramGate', spec, (f, p) => {
    const { x, keys, out, rows, n, D, epsilon, smallest } = p;
    const [row, h, rowBytes] = [f.local('i32', 'row'), f.local('i32', 'h'), f.local('i32')];
    const [w, v] = [f.local('i32', 'w of head'), f.local('i32', 'v of head')];
    const [squares, scratch, least] = [f.local('v128'), f.local('v128'), f.local('v128')];
    const pushScale = (side: Local): void => {
      sumSquares(f, side, rowBytes, squares, scratch);
      pushInverseRoot(f, squares, D, epsilon, scratch);
    };
    pushProduct(f, D, ELEMENT_BYTES).set(rowBytes);
    f.get(smallest).emit('f32x4.splat').set(least);
    f.forLoop(row, 0, rows, 1, () => {
      f.get(p.w).set(w).get(p.v).set(v);
      f.forLoop(h, 0, n, 1, () => {
        f.get(out);
        pushSumOfProducts(f, [x, keys, w, v], rowBytes);
        for (const side of [x, keys]) {
          pushScale(side);
          f.emit('f32x4.mul');
        }
        f.get(D).emit('f32.convert_i32_u').emit('f32.sqrt').emit('f32x4.splat').emit('f32x4.div');
        pushSignedRoot(f, least).emit('call', sigmoid);
        SINGLE.store(f);
        for (const place of [x, keys, w, v]) f.advance(place, rowBytes);
        f.advance(out, ELEMENT_BYTES);
      });
    });
  });
}
