/**
 * Kernels whose state a step replaces. A sequence at position 0 starts: its state is set to zeros.
 * Token by token, so the order of sums does not depend on how a prompt is cut.
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import { pushPosition } from './movement.ts';
import {
  ELEMENT_BYTES,
  forRow,
  pushProduct,
  pushRow,
  pushSplat,
  pushSum,
  scaleToBytes,
} from './vectors.ts';

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

/** Bytes of what a part of a convolution works on. */
interface ConvolutionSizes {
  /** Of its channels, and of all: how far rows are apart in scratch memory and elsewhere. */
  readonly part: Local;
  readonly row: Local;
  /** Of the rows before those of the step, in scratch memory. */
  readonly past: Local;
  /** Rows that the state keeps. */
  readonly kept: Local;
}

function addConvolution(module: ModuleBuilder): void {
  const spec = { params: KERNELS.causalConvolution, exported: true };
  module.addFunction('causalConvolution', spec, (f, p) => {
    const { state, x, w, positions, rows, B, T, C, W, dilation, channels } = p;
    const [b, taps, present] = [f.local('i32'), f.local('i32'), f.local('i32')];
    const kept = f.local('i32');
    f.get(W).i32(1).emit('i32.sub').get(dilation).emit('i32.mul').set(kept);
    const [part, row, past] = [f.local('i32'), f.local('i32'), f.local('i32')];
    pushProduct(f, channels, ELEMENT_BYTES).set(part);
    pushProduct(f, C, ELEMENT_BYTES).set(row);
    pushProduct(f, kept, part).set(past);
    pushSum(f, rows, past).set(present);
    pushRow(f, present, T, part).set(taps);
    const sizes = { part, row, past, kept };
    turnTaps(f, { w, taps, W, channels }, part);
    f.forLoop(b, 0, B, 1, () => {
      pushPosition(f, positions, b).if(
        () => copyParts(f, [state, row], [rows, part], kept, part),
        () => f.get(rows).i32(0).get(past).emit('memory.fill'),
      );
      copyParts(f, [x, row], [present, part], T, part);
      convolveTokens(f, p, taps, sizes);
      const last = f.local('i32');
      pushRow(f, rows, T, part).set(last);
      copyParts(f, [last, part], [state, row], kept, part);
      pushRow(f, state, kept, row).set(state);
      pushRow(f, x, T, row).set(x);
    });
  });
}

/** Copies `count` parts of rows, each a pointer to the first and the distance of rows. */
function copyParts(
  f: FunctionBuilder,
  [source, sourceBytes]: readonly [Local, Local],
  [target, targetBytes]: readonly [Local, Local],
  count: Local,
  bytes: Local,
): void {
  const i = f.local('i32');
  f.forLoop(i, 0, count, 1, () => {
    pushRow(f, target, i, targetBytes);
    pushRow(f, source, i, sourceBytes).get(bytes).emit('memory.copy');
  });
}

/** Taps [channels][W] as rows [W][channels]. */
function turnTaps(
  f: FunctionBuilder,
  { w, taps, W, channels }: Record<'w' | 'taps' | 'W' | 'channels', Local>,
  part: Local,
): void {
  const [from, to, c, j] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')];
  f.get(w).set(from);
  f.forLoop(c, 0, channels, 1, () => {
    pushRow(f, taps, c, ELEMENT_BYTES).set(to);
    f.forLoop(j, 0, W, 1, () => {
      f.get(to).get(from).emit('f32.load').emit('f32.store');
      f.advance(from, ELEMENT_BYTES).advance(to, part);
    });
  });
}

/** The T tokens of one sequence, whose past and present rows lie in `rows`; moves `out` on. */
function convolveTokens(
  f: FunctionBuilder,
  { rows, out, T, W, dilation }: ConvolutionParams,
  taps: Local,
  { part, row }: ConvolutionSizes,
): void {
  const [t, j, tap, from] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')];
  const [first, sum, tapBytes] = [f.local('i32'), f.local('v128'), f.local('i32')];
  pushProduct(f, part, dilation).set(tapBytes);
  f.get(rows).set(first);
  f.forLoop(t, 0, T, 1, () => {
    forRow(f, part, (offset, { load, store }) => {
      pushSplat(f, 0).set(sum);
      pushSum(f, taps, offset).set(tap);
      pushSum(f, first, offset).set(from);
      f.forLoop(j, 0, W, 1, () => {
        load(f.get(tap));
        load(f.get(from)).emit('f32x4.mul');
        f.get(sum).emit('f32x4.add').set(sum);
        f.advance(tap, part).advance(from, tapBytes);
      });
      store(pushSum(f, out, offset).get(sum));
    });
    f.advance(first, part).advance(out, row);
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
