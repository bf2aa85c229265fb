/** The vector instructions of compressed context: of its compressor, and of what is chosen by scores. */
import { lastDim, partsOfTopRows, type NodeOf } from '../../../ir/index.ts';
import { isByShift } from '../memoryRegions.ts';
import { repeated, type RepeatedStep } from './repeatedSteps.ts';

/** Of schedule/compress.ts, on all tokens of a step at once. */
export function compressSteps(node: NodeOf<'compress'>, rows: number): RepeatedStep[] {
  const { tokensPerRow: ratio, overlap } = node.attrs;
  const K = lastDim(node.type);
  const terms = overlap ? 2 * ratio : ratio;
  const masked = overlap ? [repeated('scaleAdd', K, rows, 2 * ratio)] : [];
  return [
    repeated('copy', lastDim(node.inputs[1]!.type), rows),
    ...masked,
    repeated('max', K, rows, terms - 1),
    repeated('scale', K, rows),
    repeated('zero', K, rows, 3),
    repeated('add', K, rows, 5 * terms),
    repeated('exp', K, rows, terms),
    repeated('mul', K, rows, terms),
    repeated('div', K, rows),
    repeated('scaleAdd', K, rows),
  ];
}

/** Of schedule/choices.ts, on the scores of `rows` tokens and as many `columns`. */
export function choiceSteps(
  node: NodeOf<'topRows'> | NodeOf<'topBlocks'>,
  rows: number,
  columns: number,
): RepeatedStep[] {
  if (node.op === 'topBlocks') return blockSteps(node, rows, columns);
  const { topK, tokensPerRow = 1, blockRows = 1 } = node.attrs;
  const isWithin = partsOfTopRows(node.inputs).blocks !== undefined;
  const isMasked = isWithin || !isByShift(tokensPerRow);
  const widened = repeated('scale', blockRows, (rows * columns) / blockRows);
  return [
    ...(isWithin ? [widened] : []),
    ...(isWithin && !isByShift(tokensPerRow) ? [repeated('mul', columns, rows)] : []),
    ...(isMasked ? exclusionSteps(rows, columns) : []),
    repeated('topk', columns, rows, 1, { topK: Math.min(topK, columns) }),
    ...(isMasked ? [repeated('mul', columns, rows)] : []),
  ];
}

/** A block's rows lie apart: an instruction for each of them, on single columns. */
function blockSteps(
  { attrs: { topK, blockRows } }: NodeOf<'topBlocks'>,
  rows: number,
  columns: number,
): RepeatedStep[] {
  const blocks = Math.ceil(columns / blockRows);
  return [
    repeated('copy', 1, rows * blocks),
    repeated('max', 1, rows * blocks, Math.min(blockRows, columns) - 1),
    repeated('max', blocks, rows),
    ...exclusionSteps(rows, blocks),
    repeated('topk', blocks, rows, 1, { topK: Math.min(topK, blocks) }),
  ];
}

function exclusionSteps(rows: number, columns: number): RepeatedStep[] {
  return (['zero', 'div', 'add'] as const).map((op) => repeated(op, columns, rows));
}
