/** Hyper-connections: the coefficients of residual streams, and the streams that they mix. */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import {
  advanceElements,
  ELEMENT_BYTES,
  pushProduct,
  pushRow,
  VECTOR_ELEMENTS,
} from './vectors.ts';

/** Functions that the kernels call. */
export interface StreamsUses {
  readonly sigmoid: FunctionRef;
  readonly softmax: FunctionRef;
  readonly weightedSum: FunctionRef;
}

type Params = { readonly [K in keyof typeof KERNELS.hyperConnection]: Local };

/** The parameters, and the locals that all parts of the kernel share. */
interface Site extends Params {
  readonly f: FunctionBuilder;
  readonly uses: StreamsUses;
  readonly divideBySum: FunctionRef;
  readonly rowBytes: Local;
}

/** Adds `hyperConnection` and `mixHeads`. */
export function addStreams(module: ModuleBuilder, uses: StreamsUses): void {
  const divideBySum = addDivideBySum(module);
  const spec = { params: KERNELS.hyperConnection, exported: true };
  module.addFunction('hyperConnection', spec, (f, p) => {
    const [row, rowBytes] = [f.local('i32', 'row'), f.local('i32', 'rowBytes')];
    const site: Site = { ...p, f, uses, divideBySum, rowBytes };
    f.get(p.n)
      .i32(VECTOR_ELEMENTS - 1)
      .emit('i32.add')
      .i32(-VECTOR_ELEMENTS)
      .emit('i32.and');
    f.i32(ELEMENT_BYTES).emit('i32.mul').set(rowBytes);
    f.forLoop(row, 0, p.rows, 1, () => {
      writePre(site);
      f.get(p.M).get(p.n).emit('i32.ne');
      f.if(() => {
        writePost(site);
        balance(site);
        writeCombination(site);
      });
      advanceElements(f, p.logits, p.M);
      advanceElements(f, p.out, p.M);
    });
  });
  module.addFunction('mixHeads', { params: KERNELS.mixHeads, exported: true }, (f, p) => {
    const { c, x, out, rows, m, n, D } = p;
    const row = f.local('i32', 'row');
    f.forLoop(row, 0, rows, 1, () => {
      f.get(c).get(n).get(x).get(D).get(out).get(m).get(n).get(D).emit('call', uses.weightedSum);
      advanceElements(f, c, m, n);
      advanceElements(f, x, n, D);
      advanceElements(f, out, m, D);
    });
  });
}

/** Pushes logit · factor + base of coefficient i, of part 0 (pre), 1 (post) or 2 (combination). */
function pushScore({ f, logits, factors, base }: Site, i: Local, part: 0 | 1 | 2): FunctionBuilder {
  pushRow(f, logits, i, ELEMENT_BYTES).emit('f32.load');
  f.get(factors)
    .emit('f32.load', part * ELEMENT_BYTES)
    .emit('f32.mul');
  return pushRow(f, base, i, ELEMENT_BYTES).emit('f32.load').emit('f32.add');
}

/** Pushes the sigmoid of a score. */
function pushGate(site: Site, i: Local, part: 0 | 1): FunctionBuilder {
  pushScore(site, i, part).emit('f32x4.splat').emit('call', site.uses.sigmoid);
  return site.f.emit('f32x4.extract_lane', 0);
}

function writePre(site: Site): void {
  const { f, n, out, epsilon } = site;
  const i = f.local('i32');
  f.forLoop(i, 0, n, 1, () => {
    pushRow(f, out, i, ELEMENT_BYTES);
    pushGate(site, i, 0).get(epsilon).emit('f32.add').emit('f32.store');
  });
}

function writePost(site: Site): void {
  const { f, n, out } = site;
  const [i, end] = [f.local('i32'), f.local('i32')];
  pushProduct(f, n, 2).set(end);
  f.forLoop(i, n, end, 1, () => {
    pushRow(f, out, i, ELEMENT_BYTES);
    pushGate(site, i, 1).emit('f32.const', 2).emit('f32.mul').emit('f32.store');
  });
}

/** Sinkhorn's iteration on `matrix`: rows by softmax, + ε, columns by their sums, then both in turn. */
function balance(site: Site): void {
  const { f, matrix, n, rowBytes, iterations, epsilon } = site;
  const [i, j, row, at] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')];
  const iteration = f.local('i32', 'iteration');
  pushProduct(f, n, 2).set(i);
  f.forLoop(j, 0, n, 1, () => {
    pushRow(f, matrix, j, rowBytes).tee(row).set(at);
    overElements(f, row, n, at, () => {
      f.get(at);
      pushScore(site, i, 2).emit('f32.store');
      f.advance(i, 1);
    });
    f.get(row).get(n).emit('f32.const', 1).emit('call', site.uses.softmax);
    overElements(f, row, n, at, () => {
      f.get(at).get(at).emit('f32.load').get(epsilon).emit('f32.add').emit('f32.store');
    });
  });
  divideLines(site, 'columns');
  f.forLoop(iteration, 1, iterations, 1, () => {
    divideLines(site, 'rows');
    divideLines(site, 'columns');
  });
}

function overElements(
  f: FunctionBuilder,
  row: Local,
  count: Local,
  at: Local,
  body: () => void,
): void {
  const end = f.local('i32');
  pushRow(f, row, count, ELEMENT_BYTES).set(end);
  f.forLoop(at, row, end, ELEMENT_BYTES, body);
}

/** Divides each row or column by its sum + ε. */
function divideLines(
  { f, matrix, n, rowBytes, epsilon, divideBySum }: Site,
  lines: 'rows' | 'columns',
): void {
  const i = f.local('i32');
  const [across, along] = lines === 'rows' ? [rowBytes, ELEMENT_BYTES] : [ELEMENT_BYTES, rowBytes];
  f.forLoop(i, 0, n, 1, () => {
    pushRow(f, matrix, i, across).i32(along).get(n).get(epsilon).emit('call', divideBySum);
  });
}

const LINE_PARAMS = { first: 'i32', stepBytes: 'i32', count: 'i32', epsilon: 'f32' } as const;

/** Adds divideBySum(first, stepBytes, count, epsilon), in place. */
function addDivideBySum(module: ModuleBuilder): FunctionRef {
  return module.addFunction('divideBySum', { params: LINE_PARAMS }, (f, p) => {
    const { first, stepBytes, count, epsilon } = p;
    const [at, end] = [f.local('i32', 'at'), f.local('i32', 'end')];
    pushRow(f, first, count, stepBytes).set(end);
    f.forLoop(at, first, end, stepBytes, () => {
      f.get(epsilon).get(at).emit('f32.load').emit('f32.add').set(epsilon);
    });
    f.forLoop(at, first, end, stepBytes, () => {
      f.get(at).get(at).emit('f32.load').get(epsilon).emit('f32.div').emit('f32.store');
    });
  });
}

/** out[2n + k·n + j] = matrix[j][k]. */
function writeCombination({ f, matrix, n, rowBytes, out }: Site): void {
  const [j, k, to] = [f.local('i32'), f.local('i32'), f.local('i32')];
  f.get(out);
  pushProduct(f, n, 2 * ELEMENT_BYTES)
    .emit('i32.add')
    .set(to);
  f.forLoop(k, 0, n, 1, () => {
    f.forLoop(j, 0, n, 1, () => {
      f.get(to).get(matrix);
      pushProduct(f, j, rowBytes).emit('i32.add');
      pushProduct(f, k, ELEMENT_BYTES).emit('i32.add').emit('f32.load').emit('f32.store');
      f.advance(to, ELEMENT_BYTES);
    });
  });
}
