/** How ops become steps that mix by a token's own weights: experts and residual streams. */
import { lastDim, type NodeOf } from '../../ir/index.ts';
import { SCORINGS } from './kernels/kernels.table.ts';
import { quantizedStride } from './kernels/quantizeRows.ts';
import {
  allocateFor,
  formatCode,
  matrixBytes,
  roundUp,
  type Inputs,
  type Place,
} from './lowering.ts';
import { FIRST_FLOAT_CODE } from './panels/panelFormats.table.ts';
import type { StepList, Unplaced } from './steps.ts';

export function route(list: StepList, node: NodeOf<'route'>, [logits, bias]: Inputs): Place {
  const { topK, groups, topGroups, groupByBest, scoring, normalize, scale } = node.attrs;
  const [rows, E] = [list.rowsOf(node.type), lastDim(node.type)];
  const scratch = list.scratch(3 * roundUp(E) + groups);
  const out = allocateFor(list, node);
  list.add('route', node.label, {
    logits,
    bias: bias ?? 0,
    scratch,
    out,
    rows,
    E,
    topK,
    groups,
    topGroups,
    groupByBest: Number(groupByBest ?? false),
    scale,
    scoring: SCORINGS[scoring],
    normalize: Number(normalize),
  });
  return out;
}

export function routeByToken(
  list: StepList,
  node: NodeOf<'routeByToken'>,
  [logits, tokens, table]: Inputs,
): Place {
  const { scoring, normalize, scale } = node.attrs;
  const [rows, E] = [list.rowsOf(node.type), lastDim(node.type)];
  const topK = lastDim(node.inputs[2]!.type);
  const scratch = list.scratch(roundUp(E));
  const out = allocateFor(list, node);
  const rules = { scoring: SCORINGS[scoring], normalize: Number(normalize), scale };
  const places = { logits, tokens, table, scratch, out };
  list.add('routeByToken', node.label, { ...places, rows, E, topK, ...rules });
  return out;
}

/** A row for each pair of a token and an expert that it chose, expert by expert. */
export function experts(
  list: StepList,
  node: NodeOf<'experts'>,
  [x, gates, gate, up, down]: Inputs,
): Place {
  const { label } = node;
  const tokens = list.rowsOf(node.type);
  const [E, F, D] = list.shapeOf(node.inputs[2]!.type) as [number, number, number];
  const topK = expertsOfToken(node);
  const rows = tokens * topK;
  const listed = (what: string, count: number): Unplaced =>
    list.allocate(`${label} ${what}`, count);
  const pairs = {
    ...{ starts: listed('starts', E + 1), tokens: listed('tokens', rows) },
    ...{ weights: listed('gates', rows), places: listed('places', rows) },
  };
  const { starts, weights, places } = pairs;
  const next = list.scratch(E);
  list.add('groupTokens', label, { gates, ...pairs, next, rows: tokens, E, topK });
  const group = { starts, rows, E, label };
  const take = (from: Place, size: number): Unplaced => {
    const taken = listed('rows', rows * size);
    list.add('takeRows', label, { x: from, chosen: pairs.tokens, out: taken, rows, size });
    return taken;
  };
  const given: RowsOf = {
    f32: once(() => take(x, D)),
    quantized: once(() => {
      const quantized = list.quantizedRows(x, { rows: tokens, K: D }, label);
      return take(quantized, quantizedStride(D));
    }),
  };
  const both = [gate, up].map((w) => groupedProduct(list, group, given, w, [F, D]));
  const inner = listed('inner', rows * F);
  const { limit = Infinity } = node.attrs;
  list.add('swiglu', label, { gate: both[0]!, up: both[1]!, out: inner, size: rows * F, limit });
  const hidden: RowsOf = {
    f32: () => inner,
    quantized: () => list.quantizedRows(inner, { rows, K: F }, label),
  };
  const results = groupedProduct(list, group, hidden, down, [D, F]);
  const out = allocateFor(list, node);
  list.add('sumExperts', label, { x: results, weights, places, out, rows: tokens, topK, D });
  return out;
}

/** The rows of experts, as numbers or in 8 bits: made when a weight wants them so. */
type RowsOf = Readonly<Record<'f32' | 'quantized', () => Place>>;

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** Which rows each expert has. */
interface Group {
  readonly starts: Unplaced;
  readonly rows: number;
  readonly E: number;
  readonly label: string;
}

/** Rows of N, with the weight [E][N][K] of their expert. */
function groupedProduct(
  list: StepList,
  { label, ...group }: Group,
  x: RowsOf,
  w: Place,
  [N, K]: readonly [N: number, K: number],
): Unplaced {
  const out = list.allocate(`${label} products`, group.rows * N);
  const format = formatCode(w);
  const common = { ...group, w, matrixBytes: matrixBytes(w, N, K), out, outStride: N, N, K };
  if (format === 0) {
    list.add('groupedLinear', label, { x: x.f32(), ...common });
    return out;
  }
  const rows =
    format < FIRST_FLOAT_CODE
      ? { x: x.quantized(), xStride: quantizedStride(K) }
      : { x: x.f32(), xStride: K };
  list.add('groupedLinearPanels', label, { ...rows, ...common, format });
  return out;
}

/** The most experts that a token has. */
function expertsOfToken({ inputs }: NodeOf<'experts'>): number {
  const gates = inputs[1]!;
  if (gates.op === 'route') return gates.attrs.topK;
  return lastDim(gates.op === 'routeByToken' ? gates.inputs[2]!.type : gates.type);
}

export function hyperConnection(
  list: StepList,
  node: NodeOf<'hyperConnection'>,
  [logits, factors, base]: Inputs,
): Place {
  const { streams: n, iterations, epsilon } = node.attrs;
  const matrix = list.scratch(n * roundUp(n));
  const out = allocateFor(list, node);
  const sizes = { rows: list.rowsOf(node.type), n, M: lastDim(node.type), iterations, epsilon };
  list.add('hyperConnection', node.label, { logits, factors, base, matrix, out, ...sizes });
  return out;
}

export function mixHeads(list: StepList, node: NodeOf<'mixHeads'>, [c, x]: Inputs): Place {
  const [B, T, m, D] = list.shapeOf(node.type) as [number, number, number, number];
  const n = list.shapeOf(node.inputs[1]!.type)[2]!;
  const out = allocateFor(list, node);
  list.add('mixHeads', node.label, { c, x, out, rows: B * T, m, n, D });
  return out;
}
