/** What a device must know of the model that a graph is of; the same for all of its programs. */
import { perObject } from '../../base/index.ts';
import {
  countElements,
  isReplaced,
  lastDim,
  topologicalOrder,
  type Graph,
  type NodeOf,
  type TensorType,
} from '../../ir/index.ts';

/** What a state needs for each sequence: elements a token of context, or in all. */
export interface StateSize {
  readonly elements: number;
  readonly perToken: boolean;
}

export interface ModelFacts {
  /** Weights by name, in the order of their first use. */
  readonly weights: ReadonlySet<string>;
  readonly states: ReadonlyMap<string, StateSize>;
  /** Whether it has a state that a step replaces. */
  readonly recurrent: boolean;
  /** Weights that name the experts of each token, and how many experts there are. */
  readonly expertTables: ReadonlyMap<string, number>;
  /** Token ids are below this. */
  readonly vocabularySize: number;
}

export const modelFacts = perObject((graph: Graph): ModelFacts => {
  const nodes = topologicalOrder(graph);
  const stateNodes = nodes.filter((node): node is NodeOf<'state'> => node.op === 'state');
  const states = new Map(stateNodes.map(({ attrs: { name, type } }) => [name, stateSize(type)]));
  const routes = nodes.filter(({ op }) => op === 'routeByToken');
  const embeddings = nodes.filter(
    ({ op, inputs }) => op === 'embedding' && inputs[0]!.op === 'input',
  );
  const tables = [
    ...embeddings.map(({ inputs }) => inputs[1]!),
    ...routes.map(({ inputs }) => inputs[2]!),
    ...nodes.flatMap(({ op, inputs }) => (op === 'ngramRows' ? inputs.slice(3) : [])),
  ];
  return {
    weights: new Set(nodes.flatMap(({ op, attrs }) => (op === 'weight' ? [attrs.name] : []))),
    states,
    recurrent: [...states.values()].some(({ perToken }) => !perToken),
    expertTables: new Map(
      routes.map(({ inputs, type }) => [(inputs[2] as NodeOf<'weight'>).attrs.name, lastDim(type)]),
    ),
    vocabularySize: Math.min(...tables.map(({ type }) => type.shape[0] as number)),
  };
});

function stateSize(type: TensorType): StateSize {
  const perToken = !isReplaced(type);
  return { perToken, elements: countElements(type.shape.slice(perToken ? 2 : 1) as number[]) };
}
