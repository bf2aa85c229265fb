/** How each op becomes steps: one rule an op. Ops that only rename axes become none. */
import { UnsupportedError } from '../../base/index.ts';
import {
  countElements,
  lastDim,
  sameType,
  type Node,
  type NodeOf,
  type Op,
  type TensorType,
} from '../../ir/index.ts';
import {
  append,
  attention,
  causalConvolution,
  compress,
  gatedDelta,
  windowAttention,
} from './contextLowerings.ts';
import { dot, fakeQuantize, nGramGate, ngramRows, signedRoot } from './ngramLowerings.ts';
import {
  allocateFor,
  formatCode,
  matrixOf,
  shift,
  type Inputs,
  type Lower,
  type Place,
} from './lowering.ts';
import { experts, hyperConnection, mixHeads, route, routeByToken } from './mixtureLowerings.ts';
import { blockRows, topBlocks, topRows } from './selectionLowerings.ts';
import { FIRST_FLOAT_CODE } from './panels/panelFormats.table.ts';
import { quantizedStride } from './kernels/quantizeRows.ts';
import type { StepList } from './steps.ts';

/** What the host writes for an input. */
const INPUT_FEEDS = { tokens: 'tokens', position: 'positions' } as const;

const LOWERINGS: { readonly [O in Op]: Lower<O> } = {
  input: (list, { attrs, type }) =>
    attrs.name === 'hidden' ? list.hiddenRows(type) : list[INPUT_FEEDS[attrs.name]],
  weight: (list, { attrs }) => list.weight(attrs.name),
  state: (_, { attrs }) => ({ space: 'state', name: attrs.name, offsetBytes: 0 }),
  splitHeads: (_, __, [x]) => x,
  mergeHeads: (_, __, [x]) => x,
  repeatHeads,
  slice,
  concat,
  transpose,
  lastToken,
  embedding,
  append,
  add: elementwise,
  mul: elementwise,
  sigmoid: activation,
  softplus: activation,
  silu: activation,
  swiglu,
  rmsNormalization,
  layerNormalization,
  l2Normalization,
  rotaryEmbedding,
  argMax,
  quantize: (_, { type, label }) => {
    throw new UnsupportedError(`values on the cpu must be f32, not ${type.dtype}`, {
      where: label,
    });
  },
  linear,
  headLinear,
  attention,
  topRows,
  topBlocks,
  nGramGate,
  fakeQuantize,
  route,
  experts,
  causalConvolution,
  gatedDelta,
  routeByToken,
  hyperConnection,
  mixHeads,
  compress,
  windowAttention,
  blockRows,
  signedRoot,
  dot,
  ngramRows,
};

/** Adds the steps of `node`, whose inputs lie at `inputs`; gives the place of its value. */
export function lowerNode(list: StepList, node: Node, inputs: readonly Place[]): Place {
  return (LOWERINGS[node.op] as Lower<Op>)(list, node as never, inputs as unknown as Inputs);
}

function repeatHeads(list: StepList, node: NodeOf<'repeatHeads'>, [x]: Inputs): Place {
  const out = allocateFor(list, node);
  const { heads } = node.attrs;
  const [size, rows] = [lastDim(node.type), list.rowsOf(node.inputs[0]!.type)];
  for (let h = 0; h < heads; h++) {
    const to = { out: shift(out, h * size), outStride: heads * size };
    list.add('copyRows', node.label, { x, xStride: size, ...to, rows, size });
  }
  return out;
}

function slice(list: StepList, node: NodeOf<'slice'>, [x]: Inputs): Place {
  const out = allocateFor(list, node);
  const { start, size } = node.attrs;
  const from = { x: shift(x, start), xStride: lastDim(node.inputs[0]!.type) };
  const rows = list.rowsOf(node.type);
  list.add('copyRows', node.label, { ...from, out, outStride: size, rows, size });
  return out;
}

function concat(list: StepList, node: NodeOf<'concat'>, inputs: Inputs): Place {
  const out = allocateFor(list, node);
  const [outStride, rows] = [lastDim(node.type), list.rowsOf(node.type)];
  let start = 0;
  for (const [i, x] of inputs.entries()) {
    const size = lastDim(node.inputs[i]!.type);
    const to = { out: shift(out, start), outStride };
    list.add('copyRows', node.label, { x, xStride: size, ...to, rows, size });
    start += size;
  }
  return out;
}

function transpose(list: StepList, node: NodeOf<'transpose'>, [x]: Inputs): Place {
  const out = allocateFor(list, node);
  const shape = list.shapeOf(node.type);
  const [columns, rows] = shape.slice(-2) as [number, number];
  const planes = countElements(shape.slice(0, -2));
  list.add('transpose', node.label, { x, out, planes, rows, columns });
  return out;
}

function lastToken(list: StepList, node: NodeOf<'lastToken'>, [x]: Inputs): Place {
  const { B, T } = list.dims;
  if (T === 1) return x;
  const out = allocateFor(list, node);
  const size = list.sizeOf(node.type) / B;
  const from = { x: shift(x, (T - 1) * size), xStride: T * size };
  list.add('copyRows', node.label, { ...from, out, outStride: size, rows: B, size });
  return out;
}

function embedding(list: StepList, node: NodeOf<'embedding'>, [tokens, table]: Inputs): Place {
  const out = allocateFor(list, node);
  const [rows, D] = [list.rowsOf(node.type), lastDim(node.type)];
  const format = formatCode(table);
  const args = { tokens, table, out, rows, D };
  if (format === 0) list.add('embedding', node.label, args);
  else list.add('embeddingPanels', node.label, { ...args, format });
  return out;
}

function elementwise(list: StepList, node: NodeOf<'add' | 'mul'>, [a, b]: Inputs): Place {
  const out = allocateFor(list, node as Node);
  const [first, second] = node.inputs.map(({ type }) => type) as [TensorType, TensorType];
  if (sameType(first, second)) {
    list.add(node.op, node.label, { a, b, out, size: list.sizeOf(node.type) });
    return out;
  }
  const operand = second.shape.length < first.shape.length ? 'Row' : 'Number';
  const sizes = { rows: list.rowsOf(first), D: lastDim(first) };
  list.add(`${node.op}${operand}`, node.label, { a, b, out, ...sizes });
  return out;
}

function activation(
  list: StepList,
  node: NodeOf<'sigmoid' | 'softplus' | 'silu'>,
  [x]: Inputs,
): Place {
  const out = allocateFor(list, node as Node);
  list.add(node.op, node.label, { x, out, size: list.sizeOf(node.type) });
  return out;
}

function swiglu(list: StepList, node: NodeOf<'swiglu'>, [gate, up]: Inputs): Place {
  const out = allocateFor(list, node);
  const { limit = Infinity } = node.attrs;
  list.add('swiglu', node.label, { gate, up, out, size: list.sizeOf(node.type), limit });
  return out;
}

function rmsNormalization(list: StepList, node: NodeOf<'rmsNormalization'>, [x, w]: Inputs): Place {
  const out = allocateFor(list, node);
  const [rows, D] = [list.rowsOf(node.type), lastDim(node.type)];
  const { epsilon } = node.attrs;
  const sizes = { rows, D, epsilon };
  if (node.inputs.length > 1) list.add('rmsNormalization', node.label, { x, w, out, ...sizes });
  else list.add('l2Normalization', node.label, { x, out, ...sizes, divisor: D });
  return out;
}

function layerNormalization(
  list: StepList,
  node: NodeOf<'layerNormalization'>,
  [x, w, bias]: Inputs,
): Place {
  const out = allocateFor(list, node);
  const sizes = { rows: list.rowsOf(node.type), D: lastDim(node.type) };
  const { epsilon } = node.attrs;
  list.add('layerNormalization', node.label, { x, w, bias, out, ...sizes, epsilon });
  return out;
}

function l2Normalization(list: StepList, node: NodeOf<'l2Normalization'>, [x]: Inputs): Place {
  const out = allocateFor(list, node);
  const [rows, D] = [list.rowsOf(node.type), lastDim(node.type)];
  const { epsilon } = node.attrs;
  list.add('l2Normalization', node.label, { x, out, rows, D, divisor: 1, epsilon });
  return out;
}

function rotaryEmbedding(list: StepList, node: NodeOf<'rotaryEmbedding'>, [x]: Inputs): Place {
  const { B, T } = list.dims;
  const out = allocateFor(list, node);
  const pairs = node.attrs.frequencies.length;
  const tables = list.rotaryTables(node.attrs);
  const [cos, sin] = [tables.cos, tables.sin].map((table) => shift(table, list.firstToken * pairs));
  const [step, distance] = node.attrs.layout === 'half' ? [1, pairs] : [2, 1];
  const H = list.rowsOf(node.type) / (B * T);
  const sizes = { rows: B * T, H, pairs, step, distance };
  list.add('rotaryEmbedding', node.label, { x, cos: cos!, sin: sin!, out, ...sizes });
  return out;
}

function argMax(list: StepList, node: NodeOf<'argMax'>, [x]: Inputs): Place {
  const out = allocateFor(list, node);
  const [{ type }] = node.inputs as [Node];
  list.add('argMax', node.label, { x, out, rows: list.rowsOf(type), size: lastDim(type) });
  return out;
}

function linear(list: StepList, node: NodeOf<'linear'>, [x, w]: Inputs): Place {
  const out = allocateFor(list, node);
  const [M, N, K] = [list.rowsOf(node.type), lastDim(node.type), lastDim(node.inputs[0]!.type)];
  product(list, { x, xStride: K, w, out, outStride: N }, [M, N, K], node.label);
  return out;
}

/** A product for each head. */
function headLinear(list: StepList, node: NodeOf<'headLinear'>, [x, w]: Inputs): Place {
  const out = allocateFor(list, node);
  const [, , given, K] = list.shapeOf(node.inputs[0]!.type) as [number, number, number, number];
  const [B, T, H, N] = list.shapeOf(node.type) as [number, number, number, number];
  const heads = Array.from({ length: given }, (_, h) => shift(x, h * K));
  for (let h = 0; h < H; h++) {
    const operands = {
      ...{ x: heads[h % given]!, xStride: given * K, w: matrixOf(w, h, [N, K]) },
      ...{ out: shift(out, h * N), outStride: H * N },
    };
    product(list, operands, [B * T, N, K], node.label);
  }
  return out;
}

/** Rows of M × K, weights N × K, and where the rows of the result lie. */
interface Operands {
  readonly x: Place;
  readonly xStride: number;
  readonly w: Place;
  readonly out: Place;
  readonly outStride: number;
}

/** out = x · wᵀ, on panels of integers with x in 8 bits. */
function product(
  list: StepList,
  { x, xStride, w, out, outStride }: Operands,
  [M, N, K]: readonly [M: number, N: number, K: number],
  label: string,
): void {
  const format = formatCode(w);
  if (format === 0) {
    list.add('linear', label, { x, xStride, w, wStride: K, out, outStride, M, N, K });
    return;
  }
  const rows =
    format < FIRST_FLOAT_CODE
      ? { x: list.quantizedRows(x, { rows: M, K, xStride }, label), xStride: quantizedStride(K) }
      : { x, xStride };
  list.add('linearPanels', label, { ...rows, w, out, outStride, M, N, K, format });
}
