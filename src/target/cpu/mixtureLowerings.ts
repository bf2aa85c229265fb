/** How ops become steps that mix by a token's own weights: experts and residual streams. */
import { lastDim, type NodeOf } from '../../ir/index.ts';
import { SCORINGS } from './kernels/kernels.table.ts';
import { allocateFor, formatCode, roundUp, type Inputs, type Place } from './lowering.ts';
import { quantizedElements, type StepList } from './steps.ts';

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

/** In two steps, so that each can be cut by the channels that it computes. */
export function experts(
  list: StepList,
  node: NodeOf<'experts'>,
  [x, gates, gate, up, down]: Inputs,
): Place {
  const rows = list.rowsOf(node.type);
  const [E, F, D] = list.shapeOf(node.inputs[2]!.type) as [number, number, number];
  const { label } = node;
  const inner = list.allocate(`${label} inner`, rows * expertsOfToken(node) * F);
  const sizes = { rows, E, F, D, first: 0 };
  const [chosen, gathered] = [list.scratch(rows), list.scratch(rows * D)];
  const [lower, upper] = [list.scratch(rows * F), list.scratch(rows * F)];
  const quantized = list.scratch(quantizedElements(rows, D));
  const scratch = { chosen, gathered, lower, upper, quantized };
  const formats = { gateFormat: formatCode(gate), upFormat: formatCode(up) };
  const limit = node.attrs.limit ?? Infinity;
  list.add('expertsInner', label, {
    x,
    gates,
    gate,
    up,
    inner,
    ...scratch,
    ...formats,
    ...sizes,
    width: F,
    limit,
  });
  const out = allocateFor(list, node);
  const outer = {
    chosen: list.scratch(rows),
    results: list.scratch(rows * D),
    quantized: list.scratch(quantizedElements(rows, F)),
    downFormat: formatCode(down),
  };
  list.add('expertsOuter', label, { inner, gates, down, out, ...outer, ...sizes, width: D });
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
