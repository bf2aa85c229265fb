/** How ops become steps that mix by a token's own weights: experts and residual streams. */
import { lastDim, type NodeOf } from '../../ir/index.ts';
import { SCORINGS } from './kernels/kernels.table.ts';
import { allocateFor, roundUp, type Inputs, type Place } from './lowering.ts';
import { type StepList, type Unplaced } from './steps.ts';

export function route(list: StepList, node: NodeOf<'route'>, [logits, bias]: Inputs): Place {
  const { topK, groups, topGroups, groupByBest, scoring, normalize, scale } = node.attrs;
  const [rows, E] = [list.rowsOf(node.type), lastDim(node.type)];
  const scratch = list.allocate(`${node.label} scratch`, 3 * roundUp(E) + groups);
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
  const scratch = list.allocate(`${node.label} scratch`, roundUp(E));
  const out = allocateFor(list, node);
  const rules = { scoring: SCORINGS[scoring], normalize: Number(normalize), scale };
  const places = { logits, tokens, table, scratch, out };
  list.add('routeByToken', node.label, { ...places, rows, E, topK, ...rules });
  return out;
}

export function experts(
  list: StepList,
  node: NodeOf<'experts'>,
  [x, gates, gate, up, down]: Inputs,
): Place {
  const rows = list.rowsOf(node.type);
  const [E, F, D] = list.shapeOf(node.inputs[2]!.type) as [number, number, number];
  const scratch = (name: string, width: number): Unplaced =>
    list.allocate(`${node.label} ${name}`, rows * width);
  const [inner, upper] = [scratch('inner', F), scratch('upper', F)];
  const [chosen, gathered] = [scratch('chosen', 1), scratch('gathered', D)];
  const out = allocateFor(list, node);
  const sizes = { rows, E, F, D, limit: node.attrs.limit ?? Infinity };
  const buffers = { chosen, gathered, inner, upper, out };
  list.add('experts', node.label, { x, gates, gate, up, down, ...buffers, ...sizes });
  return out;
}

export function hyperConnection(
  list: StepList,
  node: NodeOf<'hyperConnection'>,
  [logits, factors, base]: Inputs,
): Place {
  const { streams: n, iterations, epsilon } = node.attrs;
  const matrix = list.allocate(`${node.label} matrix`, n * roundUp(n));
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
