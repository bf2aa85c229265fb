/** How many tokens a model knows. */
import { topologicalOrder, type Graph } from '../ir/index.ts';

/** Rows of the table of embeddings: token ids are below. */
export function vocabularySize(graph: Graph): number {
  const embedding = topologicalOrder(graph).find(({ op }) => op === 'embedding')!;
  return embedding.inputs[1]!.type.shape[0] as number;
}
