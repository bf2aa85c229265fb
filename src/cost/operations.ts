/**
 * What each operator costs in multiply-accumulates and bytes, from shapes alone.
 *
 * Dims: B sequences, T new tokens each, S tokens of context after the step; the T tokens stand at
 * positions S−T … S−1, so token t sees S−T+t+1 rows.
 */
import {
  countElements,
  lastDim,
  partsOfTopRows,
  resolveShape,
  type Dims,
  type Node,
  type NodeOf,
  type Rules,
  type Shape,
} from '../ir/index.ts';

/** What a node needs in one step. */
export interface Work {
  /** Multiply-accumulates of contractions; element-wise arithmetic counts as none. */
  readonly macs: number;
  /** Elements of weights read from memory, each once a step. */
  readonly weightElements: number;
  /** Elements of state read or written. */
  readonly stateElements: number;
}

const NOTHING: Work = { macs: 0, weightElements: 0, stateElements: 0 };

type WorkRule = (node: Node, dims: Dims) => Work;

const none: WorkRule = () => NOTHING;
const readsWeights: WorkRule = (node) => ({ ...NOTHING, weightElements: weightElementsOf(node) });

const RULES: Rules<WorkRule> = {
  input: none,
  weight: none,
  state: none,
  splitHeads: none,
  mergeHeads: none,
  repeatHeads: none,
  slice: none,
  concat: none,
  transpose: none,
  lastToken: none,
  embedding: (node, dims) => ({ ...NOTHING, weightElements: elements(node.type.shape, dims) }),
  append: (node, dims) => ({
    ...NOTHING,
    stateElements: elements(node.inputs[1]!.type.shape, dims),
  }),
  add: readsWeights,
  mul: readsWeights,
  sigmoid: none,
  softplus: none,
  silu: none,
  swiglu: none,
  rmsNormalization: readsWeights,
  layerNormalization: readsWeights,
  l2Normalization: none,
  rotaryEmbedding: none,
  signedRoot: none,
  dot: (node, dims) => ({ ...NOTHING, macs: elements(node.inputs[0]!.type.shape, dims) }),
  argMax: none,
  quantize: none,
  linear: contraction,
  headLinear: contraction,
  attention: (node, dims) => attentionWork(node as NodeOf<'attention'>, dims),
  topRows: (node, dims) => indexWork(node as NodeOf<'topRows'>, dims),
  topBlocks: (node, dims) => indexWork(node as NodeOf<'topBlocks'>, dims),
  blockRows: none,
  nGramGate: readsWeights,
  fakeQuantize: none,
  route: readsWeights,
  experts: (node, dims) => expertsWork(node as NodeOf<'experts'>, dims),
  causalConvolution: (node, dims) => ({
    macs: elements(node.type.shape, dims) * lastDim(node.inputs[2]!.type),
    weightElements: weightElementsOf(node),
    stateElements: 2 * elements(node.inputs[0]!.type.shape, dims),
  }),
  gatedDelta: deltaWork,
  ngramRows: (node, dims) => ({
    ...NOTHING,
    stateElements: 2 * elements(node.inputs[0]!.type.shape, dims),
  }),
  routeByToken: readsWeights,
  hyperConnection: readsWeights,
  mixHeads: (node, dims) => ({
    ...NOTHING,
    macs: elements(node.type.shape, dims) * (node.inputs[1]!.type.shape[2] as number),
  }),
  compress: (node, dims) => ({
    ...NOTHING,
    weightElements: weightElementsOf(node),
    stateElements: 2 * elements(node.inputs[0]!.type.shape, dims),
  }),
  windowAttention: (node, dims) => windowWork(node as NodeOf<'windowAttention'>, dims),
};

/** The work of one node in a step of `dims`. */
export function workOf(node: Node, dims: Dims): Work {
  return RULES[node.op](node, dims);
}

/** The weight an operand comes from, through layout and format changes; undefined when it is computed. */
export function weightBehind(operand: Node): NodeOf<'weight'> | undefined {
  if (operand.op === 'weight') return operand;
  if (operand.op !== 'transpose' && operand.op !== 'quantize') return undefined;
  return weightBehind(operand.inputs[0]!);
}

/** Experts kept for each token and how many there are; all of them when no router is in sight. */
export function expertChoice(node: NodeOf<'experts'>): { topK: number; experts: number } {
  const gates = node.inputs[1]!;
  const experts = node.inputs[2]!.type.shape[0] as number;
  if (gates.op === 'routeByToken') return { topK: lastDim(gates.inputs[2]!.type), experts };
  return { topK: gates.op === 'route' ? gates.attrs.topK : experts, experts };
}

/** Each output element is a dot product over the last axis of the weight. */
function contraction(node: Node, dims: Dims): Work {
  const width = node.inputs[1]!.type.shape.at(-1) as number;
  return {
    macs: elements(node.type.shape, dims) * width,
    weightElements: weightElementsOf(node),
    stateElements: 0,
  };
}

/** q·k over the key width and p·v over the value width, for each head and each visible row. */
function attentionWork(node: NodeOf<'attention'>, dims: Dims): Work {
  const [query, keys, values] = node.inputs as [Node, Node, Node, Node];
  const [heads, keyWidth] = query.type.shape.slice(2) as [number, number];
  const chosen = node.inputs[4]?.type.shape[2] as number | undefined;
  const visibleRows = visibleRowsOf(dims, chosen);
  const states = new Set([keys, values]); // latent attention keeps one state for both
  const rowsRead = Math.min(dims.S, chosen === undefined ? dims.S : chosen * dims.T);
  const read = { ...dims, S: rowsRead };
  return {
    macs: visibleRows * heads * (keyWidth + node.attrs.valueWidth),
    weightElements: 0,
    stateElements: [...states].reduce((sum, state) => sum + elements(state.type.shape, read), 0),
  };
}

/** Rows that the tokens of a step see together, none more than `most`. */
function visibleRowsOf({ B, T, S }: Dims, most = Infinity): number {
  const limited = Math.min(Math.max(S - most, 0), T); // tokens that see more rows than that
  const first = S - T + 1;
  const rest = T - limited;
  const rows = rest * first + (rest * (rest - 1)) / 2;
  return B * (rows + (limited === 0 ? 0 : limited * most));
}

/** q·k over the key width and the sum over heads, for each visible row. */
function indexWork(node: NodeOf<'topRows' | 'topBlocks'>, dims: Dims): Work {
  const { q: query, weights, keys } = partsOfTopRows(node.inputs);
  const [heads, keyWidth] = query.type.shape.slice(2) as [number, number];
  const rows = visibleRowsOf(dims) / (node.attrs.tokensPerRow ?? 1);
  return {
    macs: rows * heads * (keyWidth + (weights === undefined ? 0 : 1)),
    weightElements: 0,
    stateElements: elements(keys.type.shape, dims) / (node.attrs.tokensPerRow ?? 1),
  };
}

/** q·k and p·v for the rows of the window and the entries that each token sees. */
function windowWork(node: NodeOf<'windowAttention'>, dims: Dims): Work {
  const [state, query] = node.inputs as [Node, Node];
  const [entries, chosen] = node.inputs.slice(5);
  const [heads, width] = query.type.shape.slice(2) as [number, number];
  const ratio = node.attrs.tokensPerRow ?? 1;
  const most = chosen === undefined ? Infinity : lastDim(chosen.type) * ratio;
  const seen = entries === undefined ? 0 : visibleRowsOf(dims, most) / ratio;
  const rows = visibleRowsOf(dims, state.type.shape[1] as number) + seen;
  return {
    macs: 2 * rows * heads * width,
    weightElements: weightElementsOf(node),
    stateElements: elements(state.type.shape, dims) + (seen / dims.T) * width,
  };
}

/**
 * Three projections for each token and chosen expert. Weights: of the experts that at least one of the
 * n tokens chose, E·(1 − (1 − k/E)^n) of E when tokens choose independently and uniformly; trained
 * routers are close to that by design [DeepSeek-V3, arXiv:2412.19437, section 2.1.2].
 */
function expertsWork(node: NodeOf<'experts'>, dims: Dims): Work {
  const { topK, experts } = expertChoice(node);
  const perExpert = weightElementsOf(node) / experts;
  const tokens = dims.B * dims.T;
  const touched = experts * (1 - (1 - topK / experts) ** tokens);
  return { macs: tokens * topK * perExpert, weightElements: touched * perExpert, stateElements: 0 };
}

/** S·k, S + k·δᵀ and S·q: three passes over the state of each head for each token. */
function deltaWork(node: Node, dims: Dims): Work {
  const state = elements(node.inputs[0]!.type.shape, dims);
  return { macs: 3 * dims.T * state, weightElements: 0, stateElements: 2 * state };
}

function weightElementsOf(node: Node): number {
  return node.inputs.reduce((sum, input) => {
    const weight = weightBehind(input);
    return sum + (weight ? countElements(weight.type.shape as readonly number[]) : 0);
  }, 0);
}

function elements(shape: Shape, dims: Dims): number {
  return countElements(resolveShape(shape, dims));
}
