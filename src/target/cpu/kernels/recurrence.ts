/**
 * Kernels whose state a step replaces. A sequence at position 0 starts: its state is set to zeros.
 * Token by token, so the order of sums does not depend on how a prompt is cut.
 */
import {
  type FunctionBuilder,
  type FunctionRef,
  type Local,
  type ModuleBuilder,
} from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import { pushPosition } from './movement.ts';
import { ELEMENT_BYTES, forRow, pushProduct, pushSplat, pushSum, scaleToBytes } from './vectors.ts';

/** Adds `causalConvolution` and `gatedDelta`. */
export function addRecurrences(module: ModuleBuilder, exp: FunctionRef): void {
  addConvolution(module);
  addDelta(module, exp);
}

/** Sets the state of sequence b, `sizeBytes` from `state` on, to zeros where the sequence starts. */
export function clearAtStart(
  f: FunctionBuilder,
  positions: Local,
  b: Local,
  state: Local,
  sizeBytes: Local,
): void {
  pushPosition(f, positions, b).emit('i32.eqz');
  f.if(() => f.get(state).i32(0).get(sizeBytes).emit('memory.fill'));
}

type ConvolutionParams = { readonly [K in keyof typeof KERNELS.causalConvolution]: Local };

function addConvolution(module: ModuleBuilder): void {
  const spec = { params: KERNELS.causalConvolution, exported: true };
  module.addFunction('causalConvolution', spec, (f, p) => {
    const { state, x, positions, rows, B, T, C, W, dilation } = p;
    const [b, pastBytes, newBytes] = [f.local('i32'), f.local('i32'), f.local('i32')];
    scaleToBytes(f, C);
    f.get(W).i32(1).emit('i32.sub');
    f.get(dilation).emit('i32.mul').get(C).emit('i32.mul').set(pastBytes);
    pushProduct(f, T, C).set(newBytes);
    f.forLoop(b, 0, B, 1, () => {
      clearAtStart(f, positions, b, state, pastBytes);
      f.get(rows).get(state).get(pastBytes).emit('memory.copy');
      pushSum(f, rows, pastBytes).get(x).get(newBytes).emit('memory.copy');
      convolveTokens(f, p);
      f.get(state);
      pushSum(f, rows, newBytes).get(pastBytes).emit('memory.copy');
      f.advance(state, pastBytes).advance(x, newBytes);
    });
  });
}

/** The T tokens of one sequence, whose past and present rows of C bytes lie in `rows`; moves `out` on. */
function convolveTokens(
  f: FunctionBuilder,
  { rows, w, out, T, C, W, dilation }: ConvolutionParams,
): void {
  const [t, c, j] = [f.local('i32'), f.local('i32'), f.local('i32')];
  const [tap, from, first] = [f.local('i32'), f.local('i32'), f.local('i32')];
  const [sum, tapBytes] = [f.local('f32'), f.local('i32')];
  pushProduct(f, C, dilation).set(tapBytes);
  f.get(rows).set(first);
  f.forLoop(t, 0, T, 1, () => {
    f.get(w).set(tap);
    f.forLoop(c, 0, C, ELEMENT_BYTES, () => {
      f.emit('f32.const', 0).set(sum);
      pushSum(f, first, c).set(from);
      f.forLoop(j, 0, W, 1, () => {
        f.get(sum).get(tap).emit('f32.load').get(from).emit('f32.load');
        f.emit('f32.mul').emit('f32.add').set(sum);
        f.advance(tap, ELEMENT_BYTES).advance(from, tapBytes);
      });
      pushSum(f, out, c).get(sum).emit('f32.store');
    });
    f.advance(first, C).advance(out, C);
  });
}

type DeltaParams = { readonly [K in keyof typeof KERNELS.gatedDelta]: Local };

/** Where the rows of the token and head at hand are. */
interface Rows {
  readonly matrix: Local;
  readonly query: Local;
  readonly key: Local;
}

function addDelta(module: ModuleBuilder, exp: FunctionRef): void {
  const spec = { params: KERNELS.gatedDelta, exported: true };
  module.addFunction('gatedDelta', spec, (f, p) => {
    const { state, positions, B, T, G, H, K, V, first, heads } = p;
    const [b, t, h] = [f.local('i32', 'b'), f.local('i32', 't'), f.local('i32', 'h')];
    const [matrixBytes, stateBytes] = [f.local('i32'), f.local('i32')];
    const [head, end, partBytes] = [f.local('i32'), f.local('i32'), f.local('i32')];
    const rows = { matrix: f.local('i32'), query: f.local('i32'), key: f.local('i32') };
    scaleToBytes(f, K, V);
    f.get(K).i32(2).emit('i32.shr_u').get(V).emit('i32.mul').set(matrixBytes);
    pushProduct(f, H, matrixBytes).set(stateBytes);
    pushProduct(f, heads, matrixBytes).set(partBytes);
    pushSum(f, first, heads).set(end);
    const passHeads = (count: () => void): void => {
      const pass = (pointer: Local, pushBytes: () => FunctionBuilder): void => {
        f.get(pointer);
        count();
        pushBytes().emit('i32.mul').emit('i32.add').set(pointer);
      };
      for (const pointer of [p.v, p.out]) pass(pointer, () => f.get(V));
      for (const pointer of [p.decay, p.beta]) pass(pointer, () => f.i32(ELEMENT_BYTES));
    };
    f.get(state);
    pushProduct(f, first, matrixBytes).emit('i32.add').set(state);
    passHeads(() => f.get(first));
    f.forLoop(b, 0, B, 1, () => {
      clearAtStart(f, positions, b, state, partBytes);
      f.forLoop(t, 0, T, 1, () => {
        f.get(state).set(rows.matrix);
        f.forLoop(h, first, end, 1, () => {
          f.get(h).get(G).emit('i32.mul').get(H).emit('i32.div_u').get(K).emit('i32.mul').set(head);
          pushSum(f, p.q, head).set(rows.query);
          pushSum(f, p.k, head).set(rows.key);
          stepHead(f, p, rows, exp);
          f.advance(rows.matrix, matrixBytes);
          passHeads(() => f.i32(1));
        });
        passHeads(() => f.get(H).get(heads).emit('i32.sub'));
        for (const x of [p.q, p.k]) f.get(x).get(G).get(K).emit('i32.mul').emit('i32.add').set(x);
      });
      f.advance(state, stateBytes);
    });
  });
}

/** One token of one head, some channels of V at a time; K and V in bytes. */
function stepHead(f: FunctionBuilder, p: DeltaParams, rows: Rows, exp: FunctionRef): void {
  const [factor, rate, scale] = [f.local('v128'), f.local('v128'), f.local('v128')];
  const [change, sum, cell] = [f.local('v128'), f.local('v128'), f.local('v128')];
  const [place, i] = [f.local('i32'), f.local('i32')];
  f.get(p.decay).emit('v128.load32_splat').emit('call', exp).set(factor);
  f.get(p.beta).emit('v128.load32_splat').set(rate);
  f.get(p.scale).emit('f32x4.splat').set(scale);
  forRow(f, p.V, (offset, { load, store }) => {
    const overKeys = (body: () => void): void => {
      pushSplat(f, 0).set(sum);
      pushSum(f, rows.matrix, offset).set(place);
      f.forLoop(i, 0, p.K, ELEMENT_BYTES, () => {
        load(f.get(place)).get(factor).emit('f32x4.mul').set(cell);
        body();
        f.advance(place, p.V);
      });
    };
    const addProduct = (row: Local): void => {
      pushSum(f, row, i).emit('v128.load32_splat').get(cell).emit('f32x4.mul');
      f.get(sum).emit('f32x4.add').set(sum);
    };
    overKeys(() => addProduct(rows.key));
    load(pushSum(f, p.v, offset))
      .get(sum)
      .emit('f32x4.sub');
    f.get(rate).emit('f32x4.mul').set(change);
    overKeys(() => {
      pushSum(f, rows.key, i).emit('v128.load32_splat').get(change).emit('f32x4.mul');
      f.get(cell).emit('f32x4.add').set(cell);
      store(f.get(place).get(cell));
      addProduct(rows.query);
    });
    store(pushSum(f, p.out, offset).get(sum).get(scale).emit('f32x4.mul'));
  });
}
