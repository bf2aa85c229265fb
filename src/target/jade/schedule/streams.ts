/**
 * Residual streams and memory by n-gram: docs/numerics.md, section 4, as vector instructions. Coefficients
 * are few, so rows are short, and an instruction works on those of all tokens.
 */
import type { Kernel } from '../../../compile/index.ts';
import { lastDim, type NodeOf } from '../../../ir/index.ts';
import { LEAST_AGREEMENT } from '../arith/index.ts';
import { FORMAT_CODES, NONE } from '../isa.table.ts';
import type { Context } from './context.ts';
import { loadConstant, loadFilled } from './epilogue.ts';
import { destinationOf, floatOf, headsOf, headStrideOf, type FloatPlacement } from './placement.ts';
import { factor, into, PLAIN, source, type Fields, type Strides } from './rowFields.ts';
import { shift, type Ref } from './tiles.ts';

/** Of softmax: so many columns whatever the position. */
const ALL = { sequence: 0, first: 0, shift: 31 } as const;

/** One instruction for each head of the result: its rows are those of all tokens. */
export function lowerMixHeads(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'mixHeads'>;
  const [coefficients, x] = node.inputs.map((input) => floatOf(context, input)) as [
    FloatPlacement,
    FloatPlacement,
  ];
  const out = destinationOf(context, node) as FloatPlacement;
  const terms = headsOf(node.inputs[1]!);
  const columns = lastDim(node.type);
  for (let head = 0; head < headsOf(node); head++) {
    context.tiles.emit('mix', {
      ...source(x.at, [x.stride, headStrideOf(x, columns)]),
      ...factor(shift(coefficients.at, head * terms * 4), [coefficients.stride, 4]),
      ...{ rows: x.rows, terms, columns, accumulate: 0 },
      ...{ d: shift(out.at, head * headStrideOf(out, columns)), dStride: out.stride },
    });
  }
}

export function lowerDot(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'dot'>;
  const [a, b] = node.inputs.map((input) => floatOf(context, input)) as [
    FloatPlacement,
    FloatPlacement,
  ];
  const out = destinationOf(context, node) as FloatPlacement;
  const columns = lastDim(node.inputs[0]!.type);
  const inner = headsOf(node);
  const products = context.tiles.allocate('products', 'tensors', a.rows * inner * columns * 4);
  const shape = { rows: a.rows * inner, inner, columns };
  const between: Strides = [inner * columns * 4, columns * 4];
  context.tiles.emit('mul', {
    ...source(a.at, [a.stride, headStrideOf(a, columns)]),
    ...factor(b.at, [b.stride, headStrideOf(b, columns)]),
    ...into(products, between),
    ...{ ...shape, ...PLAIN },
  });
  context.tiles.emit('sum', {
    ...{ ...source(products, between), ...shape, scale: 1 },
    ...into(out.at, [out.stride, 4]),
  });
}

/** Stream by stream: each has weights of its own. */
export function lowerNGramGate(context: Context, kernel: Kernel): void {
  const node = kernel.anchors[0] as NodeOf<'nGramGate'>;
  const [x, keys] = node.inputs.slice(0, 2).map((input) => floatOf(context, input)) as [
    FloatPlacement,
    FloatPlacement,
  ];
  const [w, v] = node.inputs.slice(2).map((weight) => loadConstant(context, weight)) as [Ref, Ref];
  const out = destinationOf(context, node) as FloatPlacement;
  const columns = lastDim(node.inputs[0]!.type);
  const shape = { rows: x.rows, inner: 1, columns };
  const dense: Strides = [columns * 4, 0];
  const normal = (place: FloatPlacement, weights: Ref, stream: number): Ref => {
    const at = context.tiles.allocate('normal', 'tensors', x.rows * columns * 4);
    const from = shift(place.at, stream * headStrideOf(place, columns));
    context.tiles.emit('rms', {
      ...source(from, [place.stride, 0]),
      ...{ b: shift(weights, stream * columns * 4), ...shape, ...into(at, dense) },
      ...{ dFormat: FORMAT_CODES.f32, group: 0 },
      ...{ epsilon: Math.fround(node.attrs.epsilon), inverse: Math.fround(1 / columns) },
    });
    return at;
  };
  const streams = lastDim(node.type);
  for (let stream = 0; stream < streams; stream++) {
    const [a, b] = [normal(x, w, stream), normal(keys, v, stream)];
    const product = { ...source(a, dense), ...factor(b, dense), ...into(a, dense) };
    context.tiles.emit('mul', { ...product, ...shape, ...PLAIN });
    const sum = { ...source(a, dense), ...shape, scale: Math.fround(columns ** -0.5) };
    context.tiles.emit('sum', { ...sum, ...into(shift(out.at, stream * 4), [out.stride, 0]) });
  }
  const gates: Strides = [out.stride, 0];
  const inPlace = { ...source(out.at, gates), ...into(out.at, gates), ...PLAIN };
  const all = { rows: x.rows, inner: 1, columns: streams };
  context.tiles.emit('signedRoot', { ...inPlace, ...all, smallest: LEAST_AGREEMENT });
  context.tiles.emit('sigmoid', { ...inPlace, ...all });
}

export function lowerHyperConnection(context: Context, kernel: Kernel): void {
  new Coefficients(context, kernel.anchors[0] as NodeOf<'hyperConnection'>).emit();
}

/** The coefficients of all tokens. A frame of n+1 rows and columns around a matrix holds ε for its sums. */
class Coefficients {
  private readonly context: Context;
  private readonly node: NodeOf<'hyperConnection'>;
  private readonly n: number;
  private readonly width: number;
  private readonly rows: number;
  private readonly epsilon: Ref;
  private readonly out: FloatPlacement;

  constructor(context: Context, node: NodeOf<'hyperConnection'>) {
    this.context = context;
    this.node = node;
    this.n = node.attrs.streams;
    this.width = lastDim(node.type);
    this.rows = floatOf(context, node.inputs[0]!).rows;
    const { n } = this;
    this.epsilon = loadFilled(context, Math.fround(node.attrs.epsilon), (n + 1) ** 2);
    this.out = destinationOf(context, node) as FloatPlacement;
  }

  emit(): void {
    const { n, width, out } = this;
    const scores = this.scores();
    const all = width > n;
    const own: Strides = [out.stride, 0];
    const gates = { ...source(scores, [width * 4, 0]), ...into(out.at, own) };
    this.rowWise('sigmoid', gates, all ? 2 * n : n);
    const pre = { ...source(out.at, own), ...into(out.at, own) };
    this.rowWise('add', { ...pre, ...factor(this.epsilon, [0, 0]) }, n);
    if (!all) return;
    const at = shift(out.at, n * 4);
    this.rowWise('add', { ...source(at, own), ...factor(at, own), ...into(at, own) }, n);
    this.matrix(shift(scores, 2 * n * 4), shift(out.at, 2 * n * 4));
  }

  /** logits · scale + base. */
  private scores(): Ref {
    const { n, width, context, node } = this;
    const logits = floatOf(context, node.inputs[0]!);
    const [scale, base] = node.inputs.slice(1).map((weight) => loadConstant(context, weight)) as [
      Ref,
      Ref,
    ];
    const at = this.temporary('scores', width);
    const dense: Strides = [width * 4, 0];
    const parts = width > n ? [n, n, n * n] : [n];
    for (const [i, columns] of parts.entries()) {
      const from = source(shift(logits.at, i * n * 4), [logits.stride, 0]);
      const by = factor(shift(scale, i * 4), [0, 0]);
      this.rowWise('scale', { ...from, ...by, ...into(shift(at, i * n * 4), dense) }, columns);
    }
    const bias = factor(base, [0, 0]);
    this.rowWise('add', { ...source(at, dense), ...bias, ...into(at, dense) }, width);
    return at;
  }

  private matrix(scores: Ref, out: Ref): void {
    const { n, context, width } = this;
    const frame = this.temporary('frame', (n + 1) ** 2);
    const each: Strides = [(n + 1) ** 2 * 4, (n + 1) * 4];
    const fill = { ...source(this.epsilon, [0, 0]), ...into(frame, [each[0], 0]) };
    this.rowWise('copy', { ...fill, aFormat: FORMAT_CODES.f32 }, (n + 1) ** 2);
    context.tiles.emit('softmax', {
      ...{ ...source(scores, [width * 4, n * 4]), b: NONE, ...into(frame, each) },
      ...{ rows: this.rows * n, inner: n, columns: n, dFormat: FORMAT_CODES.f32, group: 0 },
      ...{ scale: 1, ...ALL, always: n },
    });
    const within = { ...source(frame, each), ...into(frame, each) };
    this.rowWise('add', { ...within, ...factor(this.epsilon, [0, 0]) }, n, n);
    const ones = loadFilled(context, 1, n + 1);
    const sums = this.temporary('sums', n);
    this.divideColumns(frame, each, ones, sums);
    for (let i = 1; i < this.node.attrs.iterations; i++) {
      this.divideRows(frame, each, ones, sums);
      this.divideColumns(frame, each, ones, sums);
    }
    for (let k = 0; k < n; k++) {
      const column = source(shift(frame, k * 4), each);
      const row = into(shift(out, k * n * 4), [this.out.stride, 4]);
      this.rowWise('copy', { ...column, ...row, aFormat: FORMAT_CODES.f32 }, 1, n);
    }
  }

  private divideColumns(frame: Ref, each: Strides, ones: Ref, sums: Ref): void {
    const { n, rows } = this;
    this.context.tiles.emit('mix', {
      ...{ ...source(frame, each), ...factor(ones, [0, 0]) },
      ...{ rows, terms: n + 1, columns: n, d: sums, dStride: n * 4, accumulate: 0 },
    });
    const within = { ...source(frame, each), ...into(frame, each) };
    this.rowWise('div', { ...within, ...factor(sums, [n * 4, 0]) }, n, n);
  }

  private divideRows(frame: Ref, each: Strides, ones: Ref, sums: Ref): void {
    const { n, rows } = this;
    const shape = { rows: rows * n, inner: n, columns: n + 1, scale: 1 };
    this.context.tiles.emit('sum', { ...source(frame, each), ...shape, ...into(sums, [n * 4, 4]) });
    const inverse = { ...source(ones, [0, 0]), ...into(sums, [n * 4, 0]) };
    this.rowWise('div', { ...inverse, ...factor(sums, [n * 4, 0]) }, n);
    const within = { ...source(frame, each), ...into(frame, each) };
    this.rowWise('scale', { ...within, ...factor(sums, [n * 4, 4]) }, n, n);
  }

  /** `inner` rows of each token. */
  private rowWise(
    op: 'copy' | 'add' | 'scale' | 'div' | 'sigmoid',
    operands: Fields,
    columns: number,
    inner = 1,
  ): void {
    const shape = { rows: this.rows * inner, inner, columns };
    this.context.tiles.emit(op, { ...operands, ...shape, ...PLAIN });
  }

  private temporary(name: string, width: number): Ref {
    return this.context.tiles.allocate(name, 'tensors', this.rows * width * 4);
  }
}
