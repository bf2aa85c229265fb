/**
 * Experts: the pairs of a token and an expert that it chose, expert by expert, so that the weights of each are read once.
 *
 * ```
 * groupTokens      which rows each expert has, and whose they are
 * takeRows         a row for each pair
 * groupedLinear…   out[i] = w_e x[i] for the rows i of each expert e
 * sumExperts       Σ gate · row for each token
 * ```
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import {
  advanceElements,
  ELEMENT_BYTES,
  forRow,
  pushProduct,
  pushRow,
  pushSum,
  scaleToBytes,
} from './vectors.ts';

/** A token has fewer experts than there is room for. */
const NO_PAIR = -1;

/** Adds `groupTokens`, `takeRows`, `groupedLinear`, `groupedLinearPanels` and `sumExperts`. */
export function addExperts(
  module: ModuleBuilder,
  uses: { readonly linear: FunctionRef; readonly linearPanels: FunctionRef },
): void {
  addGroupTokens(module);
  addTakeRows(module);
  addGroupedLinear(module, uses.linear);
  addGroupedLinearPanels(module, uses.linearPanels);
  addSumExperts(module);
}

type GroupParams = { readonly [K in keyof typeof KERNELS.groupTokens]: Local };

function addGroupTokens(module: ModuleBuilder): void {
  const spec = { params: KERNELS.groupTokens, exported: true };
  module.addFunction('groupTokens', spec, (f, p) => {
    const { starts, tokens, next, rows, E, topK } = p;
    const [e, sum, count] = [f.local('i32'), f.local('i32'), f.local('i32')];
    f.get(next).i32(0);
    pushProduct(f, E, ELEMENT_BYTES).emit('memory.fill');
    forGates(f, p, (_, expert) => {
      const place = f.local('i32');
      pushRow(f, next, expert, ELEMENT_BYTES).tee(place);
      f.get(place).emit('i32.load').i32(1).emit('i32.add').emit('i32.store');
    });
    f.forLoop(e, 0, E, 1, () => {
      pushRow(f, next, e, ELEMENT_BYTES).emit('i32.load').set(count);
      for (const list of [starts, next])
        pushRow(f, list, e, ELEMENT_BYTES).get(sum).emit('i32.store');
      f.advance(sum, count);
    });
    pushRow(f, starts, E, ELEMENT_BYTES).get(sum).emit('i32.store');
    listPairs(f, p);
    // Rows that no expert has are copies of the first.
    pushProduct(f, rows, topK).set(count);
    f.forLoop(sum, sum, count, 1, () => {
      pushRow(f, tokens, sum, ELEMENT_BYTES).i32(0).emit('i32.store');
    });
  });
}

/** The token, the gate and the place of each pair, in the order of tokens. */
function listPairs(f: FunctionBuilder, p: GroupParams): void {
  const { tokens, weights, places, next, rows, topK } = p;
  const [pair, place, end] = [f.local('i32'), f.local('i32'), f.local('i32')];
  pushProduct(f, rows, topK, ELEMENT_BYTES).get(places).emit('i32.add').set(end);
  f.get(places).i32(NO_PAIR).get(end).get(places).emit('i32.sub').emit('memory.fill');
  f.get(places).set(place);
  forGates(
    f,
    p,
    (m, e, gate) => {
      pushRow(f, next, e, ELEMENT_BYTES).emit('i32.load').set(pair);
      pushRow(f, next, e, ELEMENT_BYTES).get(pair).i32(1).emit('i32.add').emit('i32.store');
      pushRow(f, tokens, pair, ELEMENT_BYTES).get(m).emit('i32.store');
      pushRow(f, weights, pair, ELEMENT_BYTES).get(gate).emit('f32.store');
      f.get(place).get(pair).emit('i32.store');
      f.advance(place, ELEMENT_BYTES);
    },
    () => {
      advanceElements(f, places, topK);
      f.get(places).set(place);
    },
  );
}

/** Runs `body` for each token m and expert e that has a gate for it, tokens first. */
function forGates(
  f: FunctionBuilder,
  { gates, rows, E }: GroupParams,
  body: (m: Local, e: Local, gate: Local) => void,
  afterToken = () => {},
): void {
  const [m, e, from, gate] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('f32')];
  f.get(gates).set(from);
  f.forLoop(m, 0, rows, 1, () => {
    f.forLoop(e, 0, E, 1, () => {
      f.get(from).emit('f32.load').tee(gate).emit('f32.const', 0).emit('f32.ne');
      f.if(() => body(m, e, gate));
      f.advance(from, ELEMENT_BYTES);
    });
    afterToken();
  });
}

function addTakeRows(module: ModuleBuilder): void {
  const spec = { params: KERNELS.takeRows, exported: true };
  module.addFunction('takeRows', spec, (f, { x, chosen, out, rows, size }) => {
    const [i, row] = [f.local('i32', 'i'), f.local('i32', 'row')];
    scaleToBytes(f, size);
    f.forLoop(i, 0, rows, 1, () => {
      pushRow(f, chosen, i, ELEMENT_BYTES).emit('i32.load').set(row);
      f.get(out);
      pushRow(f, x, row, size).get(size).emit('memory.copy');
      f.advance(out, size);
    });
  });
}

type Grouped = {
  readonly [
    K in Extract<keyof typeof KERNELS.groupedLinear, keyof typeof KERNELS.groupedLinearPanels>
  ]: Local;
};

/** Runs `multiply` for each expert that has rows: `count` of them from row `first` on. */
function forExperts(
  f: FunctionBuilder,
  { starts, w, matrixBytes, E }: Grouped,
  multiply: (first: Local, count: Local) => void,
): void {
  const [e, first, count] = [f.local('i32', 'e'), f.local('i32', 'first'), f.local('i32', 'count')];
  f.forLoop(e, 0, E, 1, () => {
    pushRow(f, starts, e, ELEMENT_BYTES).emit('i32.load').set(first);
    pushRow(f, starts, e, ELEMENT_BYTES)
      .emit('i32.load', ELEMENT_BYTES)
      .get(first)
      .emit('i32.sub')
      .tee(count);
    f.if(() => multiply(first, count));
    f.advance(w, matrixBytes);
  });
}

function addGroupedLinear(module: ModuleBuilder, linear: FunctionRef): void {
  const spec = { params: KERNELS.groupedLinear, exported: true };
  module.addFunction('groupedLinear', spec, (f, p) => {
    const { x, w, out, outStride, N, K } = p;
    const [xBytes, outBytes] = [f.local('i32'), f.local('i32')];
    pushProduct(f, K, ELEMENT_BYTES).set(xBytes);
    pushProduct(f, outStride, ELEMENT_BYTES).set(outBytes);
    forExperts(f, p, (first, count) => {
      pushRow(f, x, first, xBytes).get(K).get(w).get(K);
      pushRow(f, out, first, outBytes).get(outStride).get(count).get(N).get(K);
      f.emit('call', linear);
    });
  });
}

function addGroupedLinearPanels(module: ModuleBuilder, linearPanels: FunctionRef): void {
  const spec = { params: KERNELS.groupedLinearPanels, exported: true };
  module.addFunction('groupedLinearPanels', spec, (f, p) => {
    const { x, xStride, w, out, outStride, N, K, format } = p;
    const [xBytes, outBytes] = [f.local('i32'), f.local('i32')];
    pushProduct(f, xStride, ELEMENT_BYTES).set(xBytes);
    pushProduct(f, outStride, ELEMENT_BYTES).set(outBytes);
    forExperts(f, p, (first, count) => {
      pushRow(f, x, first, xBytes).get(xStride).get(w);
      pushRow(f, out, first, outBytes).get(outStride).get(count).get(N).get(K).get(format);
      f.emit('call', linearPanels);
    });
  });
}

function addSumExperts(module: ModuleBuilder): void {
  const spec = { params: KERNELS.sumExperts, exported: true };
  module.addFunction('sumExperts', spec, (f, { x, weights, places, out, rows, topK, D }) => {
    const [m, k, pair, from] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')];
    const factor = f.local('v128');
    scaleToBytes(f, D);
    f.forLoop(m, 0, rows, 1, () => {
      f.get(out).i32(0).get(D).emit('memory.fill');
      f.forLoop(k, 0, topK, 1, () => {
        f.get(places).emit('i32.load').tee(pair).i32(0).emit('i32.ge_s');
        f.if(() => {
          pushRow(f, weights, pair, ELEMENT_BYTES).emit('v128.load32_splat').set(factor);
          pushRow(f, x, pair, D).set(from);
          forRow(f, D, (offset, { load, store }) => {
            pushSum(f, out, offset);
            load(pushSum(f, out, offset));
            load(pushSum(f, from, offset))
              .get(factor)
              .emit('f32x4.mul')
              .emit('f32x4.add');
            store(f);
          });
        });
        f.advance(places, ELEMENT_BYTES);
      });
      f.advance(out, D);
    });
  });
}
