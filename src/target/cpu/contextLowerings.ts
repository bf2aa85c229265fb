/** How ops become steps that read and change what a sequence keeps: attention, recurrences, appending. */
import { lastDim, type Node, type NodeOf } from '../../ir/index.ts';
import { allocateFor, roundUp, type Inputs, type Place } from './lowering.ts';
import { attentionRoom, SCORE_UNIT, tokensOfTile } from './kernels/attendTile.ts';
import type { StepList } from './steps.ts';

/** Writes into the state; the value is the state itself. */
export function append(
  list: StepList,
  node: NodeOf<'append'>,
  [state, x, positions]: Inputs,
): Place {
  const { B, T } = list.dims;
  const size = list.sizeOf(node.inputs[1]!.type) / (B * T);
  const { tokensPerRow = 1 } = node.attrs;
  const args = { x, positions, state, B, T, capacity: 'capacity', size } as const;
  if (tokensPerRow === 1) list.add('append', node.label, args);
  else list.add('appendEntries', node.label, { ...args, tokensPerRow });
  return state;
}

export function attention(
  list: StepList,
  node: NodeOf<'attention'>,
  [q, keys, values, positions, chosen]: Inputs,
): Place {
  const { scale, valueWidth } = node.attrs;
  const [query, key, value] = node.inputs as [Node, Node, Node, Node];
  const [B, T, H, keyWidth] = list.shapeOf(query.type) as [number, number, number, number];
  const G = list.shapeOf(key.type)[2]!;
  const topK = node.inputs[4] === undefined ? undefined : lastDim(node.inputs[4].type);
  const shared = H / G;
  const valueStride = lastDim(value.type);
  const steps = { qStep: H * keyWidth, keyStep: G * keyWidth, valueStep: G * valueStride };
  const widths = {
    B,
    T,
    G,
    shared,
    capacity: 'capacity',
    keyWidth,
    valueStride,
    valueWidth,
  } as const;
  const out = allocateFor(list, node);
  const result = { out, outStep: H * valueWidth };
  const common = { ...steps, ...result, ...widths, scale };
  if (topK === undefined) {
    const scoreStride = Math.ceil(list.dims.S / SCORE_UNIT) * SCORE_UNIT;
    const shape = { T, shared, scoreStride, keyWidth, valueWidth };
    const room = { scores: list.scratch(attentionRoom(shape)), scoreStride };
    const tokens = { positions, first: list.firstToken, tileTokens: tokensOfTile(shape) };
    list.add('attention', node.label, { q, keys, values, ...tokens, ...room, ...common });
    return out;
  }
  const scoreStride = roundUp(topK);
  const scores = list.scratch(shared * scoreStride);
  const chosenKeys = list.scratch(topK * G * keyWidth);
  const chosenValues = key === value ? chosenKeys : list.scratch(topK * G * valueStride);
  const gathered = { chosen, chosenKeys, chosenValues, topK };
  const room = { ...gathered, scores, scoreStride };
  list.add('attentionToRows', node.label, { q, keys, values, ...room, ...common });
  return out;
}

export function compress(
  list: StepList,
  node: NodeOf<'compress'>,
  [state, x, positions, bias]: Inputs,
): Place {
  const { tokensPerRow, overlap } = node.attrs;
  const [B, T, K] = list.shapeOf(node.type) as [number, number, number];
  const [, kept, C] = list.shapeOf(node.inputs[0]!.type) as [number, number, number];
  const rows = list.scratch((kept + T) * C);
  const out = allocateFor(list, node);
  const sizes = { B, T, C, K, tokensPerRow, overlap: Number(overlap) };
  const places = { state, x, bias: bias ?? 0, positions, rows, out };
  list.add('compress', node.label, { ...places, ...sizes });
  return out;
}

export function windowAttention(
  list: StepList,
  node: NodeOf<'windowAttention'>,
  [state, q, x, sinks, positions, entries, chosen]: Inputs,
): Place {
  const { scale, tokensPerRow = 1 } = node.attrs;
  const [B, T, H, K] = list.shapeOf(node.type) as [number, number, number, number];
  const W = list.shapeOf(node.inputs[0]!.type)[1]!;
  const topK = node.inputs[6] === undefined ? 0 : lastDim(node.inputs[6].type);
  const complete = entries === undefined ? 0 : Math.floor(list.dims.S / tokensPerRow);
  const most = W + (topK === 0 ? complete : topK);
  const scoreStride = roundUp(most + 1); // the sink too
  const rows = list.scratch((W + T) * K);
  const seen = list.scratch(most * K);
  const scores = list.scratch(H * scoreStride);
  const out = allocateFor(list, node);
  const places = { state, q, x, sinks, positions, rows, seen, scores, out };
  const read = { entries: entries ?? 0, chosen: chosen ?? 0, topK, tokensPerRow };
  const sizes = { scoreStride, B, T, H, K, W, capacity: 'capacity', scale } as const;
  list.add('windowAttention', node.label, { ...places, ...read, ...sizes });
  return out;
}

export function causalConvolution(
  list: StepList,
  node: NodeOf<'causalConvolution'>,
  [state, x, w, positions]: Inputs,
): Place {
  const [B, T, C] = list.shapeOf(node.type) as [number, number, number];
  const W = lastDim(node.inputs[2]!.type);
  const { dilation = 1 } = node.attrs;
  const rows = list.scratch(((W - 1) * dilation + T + W) * C);
  const out = allocateFor(list, node);
  const sizes = { B, T, C, W, dilation, channels: C };
  list.add('causalConvolution', node.label, { state, x, w, positions, rows, out, ...sizes });
  return out;
}

/** Token by token; in exact arithmetic, chunks are the same. */
export function gatedDelta(list: StepList, node: NodeOf<'gatedDelta'>, inputs: Inputs): Place {
  const [state, q, k, v, decay, beta, positions] = inputs;
  const out = allocateFor(list, node);
  const [B, T, H, V] = list.shapeOf(node.type) as [number, number, number, number];
  const [G, K] = node.inputs[1]!.type.shape.slice(2) as [number, number];
  const sizes = { B, T, G, H, K, V, first: 0, heads: H, scale: node.attrs.scale };
  list.add('gatedDelta', node.label, { state, q, k, v, decay, beta, positions, out, ...sizes });
  return out;
}
