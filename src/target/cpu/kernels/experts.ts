/**
 * The experts of a layer, one after another: each gathers the tokens that chose it, so that its
 * weights are read once. What they compute inside lies row by row, a row for each pair of an expert and
 * a token; then each adds its results to those of its tokens.
 */
import {
  type FunctionBuilder,
  type FunctionRef,
  type Local,
  type ModuleBuilder,
} from '../../../wasm/index.ts';
import {
  BLOCK_COLUMNS,
  FIRST_FLOAT_CODE,
  PANEL_FORMATS,
  PANEL_ROWS,
  type PanelFormatName,
} from '../panels/panelFormats.table.ts';
import { KERNELS } from './kernels.table.ts';
import { pushPanelBytes } from './linearPanels.ts';
import { quantizedStride } from './quantizeRows.ts';
import { forFormat } from './panelCodes.ts';
import { ELEMENT_BYTES, forRow, pushProduct, pushRow, pushSum } from './vectors.ts';

/** Functions that the experts call. */
export interface ExpertsUses {
  readonly linear: FunctionRef;
  readonly linearPanels: FunctionRef;
  readonly quantizeRows: FunctionRef;
  readonly swiglu: FunctionRef;
  /** Formats that panels may have. */
  readonly formats: readonly PanelFormatName[];
}

type Shared = Extract<keyof typeof KERNELS.expertsInner, keyof typeof KERNELS.expertsOuter>;

/** The parameters that both kernels have, and the locals that all parts of a kernel share. */
interface Site extends Readonly<Record<Shared, Local>> {
  readonly f: FunctionBuilder;
  readonly uses: ExpertsUses;
  /** The expert at hand, and the tokens that chose it. */
  readonly e: Local;
  readonly count: Local;
  /** Bytes of a part of a row, of `width` channels. */
  readonly partBytes: Local;
}

/** Adds `expertsInner` and `expertsOuter`. */
export function addExperts(module: ModuleBuilder, uses: ExpertsUses): void {
  const inner = { params: KERNELS.expertsInner, exported: true };
  module.addFunction('expertsInner', inner, (f, p) => {
    const { x, gathered, quantized, lower, upper, F, D, first } = p;
    const [dBytes, fBytes] = [f.local('i32'), f.local('i32')];
    f.get(D).i32(ELEMENT_BYTES).emit('i32.mul').set(dBytes);
    f.get(F).i32(ELEMENT_BYTES).emit('i32.mul').set(fBytes);
    pushRow(f, p.inner, first, ELEMENT_BYTES).set(p.inner);
    forExperts(makeSite(f, p, uses), (site) => {
      copyChosen(site, x, dBytes, gathered, dBytes);
      for (const [weight, format, out] of [
        [p.gate, p.gateFormat, lower],
        [p.up, p.upFormat, upper],
      ] as const)
        callLinear(site, { x: gathered, weight, format, quantized, out, rows: F, K: D });
      f.get(lower).get(upper).get(lower);
      pushProduct(f, site.count, p.width).get(p.limit).emit('call', uses.swiglu);
      spreadRows(site, lower, p.inner, fBytes);
    });
  });
  const outer = { params: KERNELS.expertsOuter, exported: true };
  module.addFunction('expertsOuter', outer, (f, p) => {
    const { inner: rows, results, quantized, downFormat: format, F, D } = p;
    const site = makeSite(f, p, uses);
    const dBytes = f.local('i32');
    f.get(D).i32(ELEMENT_BYTES).emit('i32.mul').set(dBytes);
    pushRow(f, p.out, p.first, ELEMENT_BYTES).set(p.out);
    clearRows(site, p.out, dBytes);
    forExperts(site, () => {
      callLinear(site, { x: rows, weight: p.down, format, quantized, out: results, rows: D, K: F });
      addResults(site, results, p.out, dBytes);
      f.get(rows);
      pushProduct(f, site.count, F, ELEMENT_BYTES).emit('i32.add').set(rows);
    });
  });
}

function makeSite(
  f: FunctionBuilder,
  params: Readonly<Record<Shared, Local>>,
  uses: ExpertsUses,
): Site {
  const [e, count] = [f.local('i32', 'e'), f.local('i32', 'count')];
  const partBytes = f.local('i32', 'partBytes');
  f.get(params.width).i32(ELEMENT_BYTES).emit('i32.mul').set(partBytes);
  return { ...params, f, uses, e, count, partBytes };
}

/** Runs `body` for each expert that tokens chose. */
function forExperts(site: Site, body: (site: Site) => void): void {
  const { f, e, E, count } = site;
  f.forLoop(e, 0, E, 1, () => {
    listTokens(site);
    f.get(count).if(() => body(site));
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

function listTokens(site: Site): void {
  const { f, rows, count } = site;
  const m = f.local('i32');
  f.i32(0).set(count);
  f.forLoop(m, 0, rows, 1, () => {
    pushGate(site, m).emit('f32.load').emit('f32.const', 0).emit('f32.ne');
    f.if(() => {
      pushChosen(site, count).get(m).emit('i32.store');
      f.advance(count, 1);
    });
  });
}

/** The rows of x of the tokens that chose the expert, one after the other. */
function copyChosen(site: Site, x: Local, xBytes: Local, out: Local, outBytes: Local): void {
  const { f, count } = site;
  const [i, m] = [f.local('i32'), f.local('i32')];
  f.forLoop(i, 0, count, 1, () => {
    pushChosen(site, i).emit('i32.load').set(m);
    pushRow(f, out, i, outBytes);
    pushRow(f, x, m, xBytes).get(outBytes).emit('memory.copy');
  });
}

/** A product with the weight of the expert at hand, in f32 or in panels. */
type Product = Readonly<
  Record<'x' | 'weight' | 'format' | 'quantized' | 'out' | 'rows' | 'K', Local>
>;

/** out [count][width] = x [count][K] times the rows from `first` on of the weight of the expert at hand. */
function callLinear(site: Site, product: Product): void {
  const { f, uses, e, count, first, width } = site;
  const { x, weight, format, out, rows, K } = product;
  f.get(format).if(
    () => callLinearPanels(site, product),
    () => {
      f.get(x).get(K).get(weight).get(e).get(rows).emit('i32.mul').get(first).emit('i32.add');
      f.get(K).emit('i32.mul').i32(ELEMENT_BYTES).emit('i32.mul').emit('i32.add').get(K);
      f.get(out).get(width).get(count).get(width).get(K).emit('call', uses.linear);
    },
  );
}

/** `first` is at the start of a panel. */
function callLinearPanels(site: Site, product: Product): void {
  const { f, uses, e, count, first, width } = site;
  const { x, weight, format, quantized, out, rows, K } = product;
  const [blocks, panelBytes] = [f.local('i32'), f.local('i32')];
  const [activations, xStride] = [f.local('i32'), f.local('i32')];
  forFormat(f, format, uses.formats, (name) => {
    f.get(K).i32(BLOCK_COLUMNS).emit('i32.div_u').set(blocks);
    pushPanelBytes(f, PANEL_FORMATS[name], blocks).set(panelBytes);
  });
  f.get(x).set(activations).get(K).set(xStride).get(format).i32(FIRST_FLOAT_CODE).emit('i32.lt_u');
  f.if(() => {
    f.get(x).get(K).get(quantized).get(count).get(K).emit('call', uses.quantizeRows);
    f.get(quantized).set(activations);
    f.get(K).i32(BLOCK_COLUMNS).emit('i32.div_u').i32(quantizedStride(BLOCK_COLUMNS));
    f.emit('i32.mul').set(xStride);
  });
  f.get(activations).get(xStride).get(weight);
  f.get(rows)
    .i32(PANEL_ROWS - 1)
    .emit('i32.add')
    .i32(PANEL_ROWS)
    .emit('i32.div_u');
  f.get(e).emit('i32.mul').get(first).i32(PANEL_ROWS).emit('i32.div_u').emit('i32.add');
  f.get(panelBytes).emit('i32.mul').emit('i32.add').get(out).get(width);
  f.get(count).get(width).get(K).get(format).emit('call', uses.linearPanels);
}

/** Copies dense parts of rows to rows `outBytes` apart; moves `out` past them. */
function spreadRows(site: Site, part: Local, out: Local, outBytes: Local): void {
  const { f, count, partBytes } = site;
  const i = f.local('i32');
  f.forLoop(i, 0, count, 1, () => {
    f.get(out);
    pushRow(f, part, i, partBytes).get(partBytes).emit('memory.copy');
    f.advance(out, outBytes);
  });
}

function clearRows({ f, rows, partBytes }: Site, out: Local, outBytes: Local): void {
  const m = f.local('i32');
  f.forLoop(m, 0, rows, 1, () => {
    pushRow(f, out, m, outBytes).i32(0).get(partBytes).emit('memory.fill');
  });
}

/** Adds gate · result to each token that chose the expert. */
function addResults(site: Site, results: Local, out: Local, outBytes: Local): void {
  const { f, count, partBytes } = site;
  const [i, m, from, to] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')];
  const factor = f.local('v128');
  f.forLoop(i, 0, count, 1, () => {
    pushChosen(site, i).emit('i32.load').set(m);
    pushGate(site, m).emit('v128.load32_splat').set(factor);
    pushRow(f, results, i, partBytes).set(from);
    pushRow(f, out, m, outBytes).set(to);
    forRow(f, partBytes, (offset, { load, store }) => {
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
