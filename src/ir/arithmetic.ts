/** Interpreter rules of the elementwise and row-wise ops; f32, each operation rounded. */
import { UsageError } from '../base/index.ts';
import type { SomeRules, Step } from './evaluation.ts';
import { fakeQuantize } from './fakeQuantize.ts';
import type { NodeOf } from './graph.ts';
import { allocateMx, type Numerics } from './numerics.ts';
import type { OpAttrs } from './ops.table.ts';
import { rotaryTable } from './rotary.ts';
import { sameShape } from './types.ts';
import { f32Of, f32Value, i32Of, i32Value, rowCount, viewRows, type Value } from './value.ts';

type ArithmeticOp =
  | 'embedding'
  | 'add'
  | 'mul'
  | 'sigmoid'
  | 'softplus'
  | 'silu'
  | 'swiglu'
  | 'rmsNormalization'
  | 'layerNormalization'
  | 'l2Normalization'
  | 'rotaryEmbedding'
  | 'signedRoot'
  | 'dot'
  | 'argMax'
  | 'route'
  | 'routeByToken'
  | 'quantize'
  | 'fakeQuantize';

export const ARITHMETIC_RULES: SomeRules<ArithmeticOp> = {
  embedding,
  add: (_, [a, b]) => map2(a!, b!, (x, y) => x + y),
  mul: (_, [a, b]) => map2(a!, b!, (x, y) => x * y),
  sigmoid: (_, [x], { numerics }) => map(x!, numerics.sigmoid),
  softplus: (_, [x], { numerics }) => map(x!, numerics.softplus),
  silu: (_, [x], { numerics }) => map(x!, numerics.silu),
  swiglu: ({ attrs }, [gate, up], { numerics }) =>
    f32Value(gate!.shape, swiglu(f32Of(gate!), f32Of(up!), numerics, attrs.limit)),
  rmsNormalization: ({ attrs }, [x, weight], { numerics }) =>
    mapRows(x!, (row, out) =>
      numerics.rmsNormalization(row, weight ? f32Of(weight) : onesLike(row), attrs.epsilon, out),
    ),
  layerNormalization: ({ attrs }, [x, weight, bias], { numerics }) =>
    mapRows(x!, (row, out) =>
      numerics.layerNormalization(row, f32Of(weight!), f32Of(bias!), attrs.epsilon, out),
    ),
  l2Normalization: ({ attrs }, [x], { numerics }) =>
    mapRows(x!, (row, out) => numerics.l2Normalization(row, attrs.epsilon, out)),
  rotaryEmbedding,
  signedRoot: ({ attrs: { smallest } }, [x], { numerics }) =>
    map(x!, (value) => numerics.signedRoot(value, smallest)),
  dot,
  argMax: (_, [x]) => argMax(x!),
  route: ({ attrs }, [logits, bias], { numerics }) =>
    mapRows(logits!, (row, out) => numerics.route(row, bias && f32Of(bias), attrs, out)),
  routeByToken,
  fakeQuantize: ({ attrs }, [x]) => mapRows(x!, (row, out) => fakeQuantize(row, attrs, out)),
  quantize,
};

function onesLike({ length }: Float32Array): Float32Array {
  return new Float32Array(length).fill(1);
}

function embedding(
  _: NodeOf<'embedding'>,
  [tokens, table]: readonly Value[],
  { numerics }: Step,
): Value {
  const [V, D] = table!.shape as [number, number];
  const ids = i32Of(tokens!);
  const out = f32Value([...tokens!.shape, D], new Float32Array(ids.length * D));
  for (const [i, token] of ids.entries()) {
    requireToken(token, V);
    numerics.embed(f32Of(viewRows(table!, token, 1)), f32Of(viewRows(out, i, 1)));
  }
  return out;
}

/** Throws UsageError unless a table of V rows has one for the token. */
export function requireToken(token: number, V: number): void {
  if (token >= 0 && token < V) return;
  throw new UsageError(`token must be an id from 0 to ${V - 1}, not ${token}`);
}

/** silu(gate) · up; gate is at most `limit`, and up within it on both sides. */
export function swiglu(
  gate: Float32Array,
  up: Float32Array,
  { silu }: Numerics,
  limit = Infinity,
): Float32Array {
  const most = Math.fround(limit);
  const within = (value: number): number => Math.min(Math.max(value, -most), most);
  return gate.map((x, i) => silu(Math.min(x, most)) * within(up[i]!));
}

function routeByToken(
  { attrs }: NodeOf<'routeByToken'>,
  [logits, tokens, table]: readonly Value[],
  { numerics }: Step,
): Value {
  const out = f32Value(logits!.shape, new Float32Array(f32Of(logits!).length));
  for (const [i, token] of i32Of(tokens!).entries()) {
    const experts = [...f32Of(viewRows(table!, token, 1))];
    requireExperts(experts, out.shape.at(-1)!, token);
    const [row, gates] = [logits!, out].map((value) => f32Of(viewRows(value, i, 1)));
    numerics.gatesOf(row!, experts, attrs, gates!);
  }
  return out;
}

function requireExperts(experts: readonly number[], count: number, token: number): void {
  const wrong = experts.find((e) => !(Number.isInteger(e) && e >= 0 && e < count));
  if (wrong === undefined) return;
  throw new UsageError(`the experts of a token must be from 0 to ${count - 1}, not ${wrong}`, {
    where: `token ${token} in the table of experts`,
  });
}

function map(x: Value, apply: (x: number) => number): Value {
  return f32Value(
    x.shape,
    f32Of(x).map((value) => apply(value)),
  );
}

/** `b` has the shape of `a`, or is a row for all of its rows, or a number for each. */
function map2(a: Value, b: Value, apply: (x: number, y: number) => number): Value {
  const [data, other, D] = [f32Of(a), f32Of(b), a.shape.at(-1)!];
  const at = ((): ((i: number) => number) => {
    if (sameShape(a.shape, b.shape)) return (i) => i;
    return b.shape.length < a.shape.length ? (i) => i % D : (i) => Math.floor(i / D);
  })();
  return f32Value(
    a.shape,
    data.map((x, i) => apply(x, other[at(i)]!)),
  );
}

function mapRows(x: Value, apply: (row: Float32Array, out: Float32Array) => void): Value {
  const out = f32Value(x.shape, new Float32Array(f32Of(x).length));
  for (let row = 0; row < rowCount(x); row++) {
    apply(f32Of(viewRows(x, row, 1)), f32Of(viewRows(out, row, 1)));
  }
  return out;
}

function rotaryEmbedding(
  { attrs }: NodeOf<'rotaryEmbedding'>,
  [x, position]: readonly Value[],
): Value {
  const [, T, H, K] = x!.shape as [number, number, number, number];
  const starts = i32Of(position!);
  const rows = rowCount(x!) / H;
  const { offset = 0 } = attrs;
  const positions = Array.from(
    { length: rows },
    (_, i) => starts[Math.floor(i / T)]! + (i % T) + offset,
  );
  const { cos, sin } = rotaryTable(attrs.frequencies, attrs.magnitude, positions);
  const pairs = K / 2;
  const [step, distance] = attrs.layout === 'half' ? [1, pairs] : [2, 1];
  const data = f32Of(x!);
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows * H; row++) {
    const angles = Math.floor(row / H) * pairs;
    for (let i = 0; i < pairs; i++) {
      const [first, second] = [row * K + i * step, row * K + i * step + distance];
      const [c, s] = [cos[angles + i]!, sin[angles + i]!];
      out[first] = Math.fround(data[first]! * c) - Math.fround(data[second]! * s);
      out[second] = Math.fround(data[second]! * c) + Math.fround(data[first]! * s);
    }
  }
  return f32Value(x!.shape, out);
}

function dot(_: unknown, [a, b]: readonly Value[], { numerics }: Step): Value {
  const out = Float32Array.from({ length: rowCount(a!) }, (__, row) => {
    const [x, y] = [a!, b!].map((value) => f32Of(viewRows(value, row, 1)));
    return numerics.dot(x!, y!);
  });
  return f32Value([...a!.shape.slice(0, -1), 1], out);
}

/** The first of the largest; a NaN is smaller than everything. */
function argMax(x: Value): Value {
  const [data, width] = [f32Of(x), x.shape.at(-1)!];
  const out = Int32Array.from({ length: rowCount(x) }, (_, row) => {
    let [index, largest] = [0, -Infinity];
    for (let i = 0; i < width; i++) {
      const value = data[row * width + i]!;
      if (value > largest) [index, largest] = [i, value];
    }
    return index;
  });
  return i32Value(x.shape.slice(0, -1), out);
}

function quantize({ attrs }: NodeOf<'quantize'>, [x]: readonly Value[], { numerics }: Step): Value {
  return quantized(x!, attrs, numerics);
}

/** Rows of whole groups, the last filled up with zeros. */
export function quantized(x: Value, attrs: OpAttrs['quantize'], numerics: Numerics): Value {
  const { format, group, search = false } = attrs;
  const rows = rowCount(x);
  const filled = new Float32Array(Math.ceil(x.shape.at(-1)! / group) * group);
  const data = allocateMx(format, rows, filled.length);
  for (let row = 0; row < rows; row++) {
    filled.set(f32Of(viewRows(x, row, 1)));
    numerics.quantize(filled, group, data, row, search);
  }
  return { dtype: format, shape: [...x.shape.slice(0, -1), filled.length], data };
}
