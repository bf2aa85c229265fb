/**
 * The experts of a layer, one after another: each gathers the tokens that chose it, so that its
 * weights are read once, and adds its results to theirs.
 */
import {
  type FunctionBuilder,
  type FunctionRef,
  type Local,
  type ModuleBuilder,
} from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import { ELEMENT_BYTES, forRow, pushProduct, pushRow, pushSum } from './vectors.ts';

/** Functions that the experts call. */
export interface ExpertsUses {
  readonly linear: FunctionRef;
  readonly swiglu: FunctionRef;
}

type Params = { readonly [K in keyof typeof KERNELS.experts]: Local };

/** The parameters, and the locals that all parts of the kernel share. */
interface Site extends Params {
  readonly f: FunctionBuilder;
  readonly uses: ExpertsUses;
  readonly rowBytes: Local;
  /** Tokens that chose the expert at hand. */
  readonly count: Local;
  readonly e: Local;
}

/** Adds `experts`. */
export function addExperts(module: ModuleBuilder, uses: ExpertsUses): void {
  const spec = { params: KERNELS.experts, exported: true };
  module.addFunction('experts', spec, (f, p) => {
    const e = f.local('i32', 'e');
    const count = f.local('i32', 'count');
    const rowBytes = f.local('i32', 'rowBytes');
    const site: Site = { ...p, f, uses, rowBytes, count, e };
    pushProduct(f, p.D, ELEMENT_BYTES).set(rowBytes);
    f.get(p.out).i32(0);
    pushProduct(f, p.rows, rowBytes).emit('memory.fill');
    f.forLoop(e, 0, p.E, 1, () => {
      gatherTokens(site);
      f.get(count).if(() => {
        runExpert(site);
        addResults(site);
      });
    });
  });
}

/** Pushes the address of the gate of token m for the expert at hand. */
function pushGate({ f, gates, E, e }: Site, m: Local): FunctionBuilder {
  f.get(gates).get(m).get(E).emit('i32.mul').get(e).emit('i32.add');
  return f.i32(ELEMENT_BYTES).emit('i32.mul').emit('i32.add');
}

/** Pushes which token the i-th that chose the expert is, as an address in `chosen`. */
function pushChosen({ f, chosen }: Site, i: Local): FunctionBuilder {
  return pushRow(f, chosen, i, ELEMENT_BYTES);
}

function gatherTokens(site: Site): void {
  const { f, x, gathered, rows, rowBytes, count } = site;
  const m = f.local('i32');
  f.i32(0).set(count);
  f.forLoop(m, 0, rows, 1, () => {
    pushGate(site, m).emit('f32.load').emit('f32.const', 0).emit('f32.ne');
    f.if(() => {
      pushChosen(site, count).get(m).emit('i32.store');
      pushRow(f, gathered, count, rowBytes);
      pushRow(f, x, m, rowBytes).get(rowBytes).emit('memory.copy');
      f.advance(count, 1);
    });
  });
}

/** gathered = down(silu(gate · gathered) · up · gathered). */
function runExpert(site: Site): void {
  const { f, uses, gathered, inner, upper, gate, up, down, count, F, D } = site;
  callLinear(site, gathered, gate, inner, F, D);
  callLinear(site, gathered, up, upper, F, D);
  f.get(inner).get(upper).get(inner);
  pushProduct(f, count, F).get(site.limit).emit('call', uses.swiglu);
  callLinear(site, inner, down, gathered, D, F);
}

/** out [count][N] = x [count][K] · weight [N][K]ᵀ of the expert at hand. */
function callLinear(
  { f, uses, e, count }: Site,
  x: Local,
  weight: Local,
  out: Local,
  N: Local,
  K: Local,
): void {
  f.get(x).get(K).get(weight);
  pushProduct(f, e, N, K, ELEMENT_BYTES).emit('i32.add').get(K);
  f.get(out).get(N).get(count).get(N).get(K).emit('call', uses.linear);
}

/** Adds gate · result to each token that chose the expert. */
function addResults(site: Site): void {
  const { f, gathered, out, rowBytes, count } = site;
  const [i, m, from, to] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')];
  const factor = f.local('v128');
  f.forLoop(i, 0, count, 1, () => {
    pushChosen(site, i).emit('i32.load').set(m);
    pushGate(site, m).emit('v128.load32_splat').set(factor);
    pushRow(f, gathered, i, rowBytes).set(from);
    pushRow(f, out, m, rowBytes).set(to);
    forRow(f, rowBytes, (offset, { load, store }) => {
      pushSum(f, to, offset);
      load(pushSum(f, to, offset));
      load(pushSum(f, from, offset))
        .get(factor)
        .emit('f32x4.mul')
        .emit('f32x4.add');
      store(f);
    });
  });
}
