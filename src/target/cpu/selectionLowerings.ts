/** How ops become steps that choose which rows of its sequence a token attends to. */
import { lastDim, partsOfTopRows, type NodeOf } from '../../ir/index.ts';
import { INDEX_BLOCK } from './kernels/kernels.table.ts';
import { allocateFor, type Inputs, type Place } from './lowering.ts';
import type { StepList } from './steps.ts';

export function topRows(list: StepList, node: NodeOf<'topRows'>, inputs: Inputs): Place {
  const { topK, tokensPerRow = 1, blockRows = 1 } = node.attrs;
  const { q, weights = 0, keys, position, blocks = 0 } = partsOfTopRows(inputsOf(node, inputs));
  const chosen = partsOfTopRows(node.inputs).blocks;
  const { scratch, sizes } = indexerOf(list, node);
  const out = allocateFor(list, node);
  const places = { q, weights, keys, positions: position, blocks, ...scratch, out };
  const blockCount = chosen === undefined ? 0 : lastDim(chosen.type);
  const rules = { topK, tokensPerRow, blockCount, blockRows };
  list.add('topRows', node.label, { ...places, ...sizes, ...rules });
  return out;
}

export function topBlocks(list: StepList, node: NodeOf<'topBlocks'>, inputs: Inputs): Place {
  const { topK, tokensPerRow = 1, blockRows } = node.attrs;
  const [q, weights, keys, positions] = inputs;
  const { scratch, sizes } = indexerOf(list, node);
  const out = allocateFor(list, node);
  const places = { q, weights, keys, positions, ...scratch, out };
  list.add('topBlocks', node.label, { ...places, ...sizes, topK, tokensPerRow, blockRows });
  return out;
}

/** The places of the inputs that the node has. */
function inputsOf({ inputs }: NodeOf<'topRows'>, places: Inputs): readonly Place[] {
  return places.slice(0, inputs.length);
}

/** Room and sizes that both need. */
function indexerOf(list: StepList, node: NodeOf<'topRows' | 'topBlocks'>) {
  const { tokensPerRow = 1 } = node.attrs;
  const [B, T, H, K] = list.shapeOf(node.inputs[0]!.type) as [number, number, number, number];
  const rows = Math.ceil(list.dims.S / tokensPerRow);
  const block = list.scratch(H * INDEX_BLOCK);
  const scores = list.scratch(rows + INDEX_BLOCK);
  return {
    scratch: { block, scores },
    sizes: { first: 0, B, T, H, K, capacity: 'capacity' },
  } as const;
}

export function blockRows(
  list: StepList,
  node: NodeOf<'blockRows'>,
  [blocks, positions]: Inputs,
): Place {
  const out = allocateFor(list, node);
  const [B, T, k] = list.shapeOf(node.inputs[0]!.type) as [number, number, number];
  const { tokensPerRow } = node.attrs;
  list.add('blockRows', node.label, { blocks, positions, out, B, T, k, tokensPerRow });
  return out;
}
