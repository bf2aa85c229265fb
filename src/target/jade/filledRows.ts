/** Rows of one number each, which operators read from the memory as if they were weights. */
import { lastDim, type Node, type NodeOf, type Op, wholeBlocks } from '../../ir/index.ts';

type Filled = readonly (readonly [value: number, count: number])[];

const onesOf = (node: Node): Filled => [[1, lastDim(node.type)]];

/** The numbers that operators want rows of, and how many of each. */
const FILLED: { readonly [O in Op]?: (node: NodeOf<O>) => Filled } = {
  rmsNormalization: (node) => (node.inputs.length === 1 ? onesOf(node) : []),
  l2Normalization: onesOf,
  layerNormalization: onesOf,
  gatedDelta: ({ attrs }) => [
    [-1, 1],
    [Math.fround(attrs.scale), 1],
  ],
  /** Lists of rows start as zeros, and what is behind is masked; without weights each head counts once. */
  topRows: ({ attrs, inputs }) => [
    [0, wholeBlocks(attrs.topK)],
    [-Infinity, attrs.topK],
    ...(inputs.length === 3 ? ([[1, 1]] as const) : []),
    ...(attrs.blockRows === undefined ? [] : ([[1, attrs.blockRows]] as const)),
  ],
  blockRows: ({ type }) => [[0, wholeBlocks(lastDim(type))]],
  compress: ({ type }) => [
    [0, lastDim(type)],
    [1, lastDim(type)],
    [-1, 1],
  ],
  hyperConnection: ({ attrs }) => [
    [1, attrs.streams + 1],
    [Math.fround(attrs.epsilon), (attrs.streams + 1) ** 2],
  ],
};

/** The numbers that a node wants rows of. */
export function filledBy(node: Node): Filled {
  const find = FILLED[node.op] as ((node: Node) => Filled) | undefined;
  return find?.(node) ?? [];
}
