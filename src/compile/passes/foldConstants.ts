/**
 * Folds `transpose` of a weight into a new weight that is transposed when it is loaded, so that no
 * target ever moves constant data at run time.
 */
import {
  countElements,
  makeNode,
  rewrite,
  type Graph,
  type Node,
  type WeightSource,
} from '../../ir/index.ts';
import type { Pass } from '../target.ts';

export const foldConstants: Pass = { name: 'foldConstants', run: fold };

function fold(graph: Graph): Graph {
  const weights = new Map(graph.weights);
  const folded = rewrite(graph, (node) => {
    const [input] = node.inputs;
    if (node.op !== 'transpose' || input?.op !== 'weight') return undefined;
    const source = transposed(weights.get(input.attrs.name)!);
    weights.set(source.name, source);
    return weightNode(source, node);
  });
  return { ...folded, weights };
}

function weightNode(source: WeightSource, replaced: Node): Node {
  return makeNode('weight', [], { name: source.name, type: replaced.type }, replaced.label);
}

/** The last two axes of `source` swapped at load. */
function transposed(source: WeightSource): WeightSource {
  const [rows, columns] = source.shape.slice(-2) as [number, number];
  const shape = [...source.shape.slice(0, -2), columns, rows];
  const { storedTransposed: stored } = source;
  return {
    ...(stored && { stored }),
    name: `transpose(${source.name})`,
    shape,
    load: () => transposeLast(source.load(), rows, columns, countElements(shape)),
  };
}

function transposeLast(
  data: Float32Array,
  rows: number,
  columns: number,
  size: number,
): Float32Array {
  const out = new Float32Array(size);
  const plane = rows * columns;
  for (let base = 0; base < size; base += plane) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) out[base + c * rows + r] = data[base + r * columns + c]!;
    }
  }
  return out;
}
