/**
 * Kernels as numbers: what the closed form (L0) needs to know of a lowered graph in one step, without its
 * nodes. Made once for a graph and a step; costed for any chip of the same formats.
 */
import { UnsupportedError } from '../../../base/index.ts';
import { fuseKernels, isConstant, orderKernels, type Kernel } from '../../../compile/index.ts';
import {
  countElements,
  lastDim,
  partsOfTopRows,
  type Dims,
  type Graph,
  type MxFormat,
  type Node,
  type NodeOf,
  wholeBlocks,
} from '../../../ir/index.ts';
import { blockBytes, NONE, SCORINGS } from '../isa.table.ts';
import { mxRowBytes } from '../memoryRegions.ts';
import { attendsChosen } from '../schedule/attention.ts';
import { choosesAll } from '../schedule/chosenRows.ts';
import { opcodeOf as instructionOf, stepsOf } from '../schedule/epilogue.ts';
import { chunkUnit } from '../schedule/linear.ts';
import { headsOf } from '../schedule/placement.ts';
import type { ValueBytes } from '../schedule/regions.ts';
import { joinsQuery } from '../schedule/schedule.ts';
import type { MicrocodedOpcode } from '../vector/program.ts';
import { choiceSteps } from './entrySteps.ts';
import { liveBytes, rowsOf } from './liveBytes.ts';
import { repeated, type RepeatedStep } from './repeatedSteps.ts';
import { streamSteps } from './streamSteps.ts';
import { limitOf, vectorStep, type VectorStep } from './vectorSteps.ts';
import { windowShape, type WindowShape } from './windowCost.ts';

interface Shape {
  /** Places, in the list of kernels, of those whose results this one reads. */
  readonly after: readonly number[];
  /** Of these, those whose results its loads wait for; absent where it waits for all. */
  readonly loadsAfter?: readonly number[];
  /** What is on the chip meanwhile; nothing when absent. */
  readonly values?: ValueBytes;
}

/** `weights` products of rows × inputs with outputs × inputs, for each of `planes` heads. */
export interface LinearShape extends Shape {
  readonly kind: 'linear';
  readonly rows: number;
  readonly outputs: number;
  readonly inputs: number;
  readonly planes: number;
  /** 2 for gate and up, finished together. */
  readonly weights: number;
  /** Bytes of a block of weights. */
  readonly blockBytes: number;
  /** Outputs finished together come in multiples of this. */
  readonly chunkUnit: number;
  readonly steps: readonly VectorStep[];
}

/** An operator that is several instructions, on rows of several widths. */
export interface ComposedShape extends Shape {
  readonly kind: 'composed';
  /** Of a state that comes and goes back. */
  readonly stateBytes: number;
  readonly steps: readonly RepeatedStep[];
}

/** Row-wise work on a complete value. */
export interface RowsShape extends Shape {
  readonly kind: 'rows';
  readonly rows: number;
  readonly steps: readonly VectorStep[];
}

export interface EmbeddingShape extends Shape {
  readonly kind: 'embedding';
  readonly rows: number;
  readonly width: number;
  readonly copy: VectorStep;
}

/** `tokens` of `sequences` over `context` rows of state of each of `groups` key heads. */
export interface AttentionShape extends Shape {
  readonly kind: 'attention';
  readonly sequences: number;
  readonly tokens: number;
  readonly context: number;
  readonly heads: number;
  readonly groups: number;
  readonly keyWidth: number;
  readonly valueWidth: number;
  /** Whether keys and values are one state. */
  readonly shared: boolean;
  /** Whether heads start while the query of others is made. */
  readonly joined: boolean;
  /** Bytes of a row of state. */
  readonly rowBytes: number;
  readonly softmax: VectorStep;
  readonly steps: readonly VectorStep[];
}

export interface ExpertsShape extends Shape {
  readonly kind: 'experts';
  readonly experts: number;
  /** The rows of the experts that have any; as many experts as there are choices, with equally many, unless known. */
  readonly loads: readonly ExpertLoad[];
  /** Of neighbours that have rows, as if these stood in equal distances. */
  readonly runs: number;
  readonly inputs: number;
  readonly width: number;
  readonly blockBytes: number;
  readonly swiglu: VectorStep;
  readonly combine: VectorStep;
}

/** `experts` experts with `rows` rows each. */
export interface ExpertLoad {
  readonly experts: number;
  readonly rows: number;
}

/** Index queries of `tokens` of `sequences` against `context` rows of keys, and the choice among these. */
export interface IndexerShape extends Shape {
  readonly kind: 'indexer';
  readonly sequences: number;
  readonly tokens: number;
  readonly context: number;
  readonly heads: number;
  readonly keyWidth: number;
  /** Bytes of a row of state. */
  readonly rowBytes: number;
  /** On products, and on those of a token. */
  readonly max: VectorStep;
  readonly mix: VectorStep;
  /** What is chosen by the scores of a sequence. */
  readonly choice: readonly RepeatedStep[];
}

export type KernelShape =
  | LinearShape
  | RowsShape
  | ComposedShape
  | EmbeddingShape
  | AttentionShape
  | IndexerShape
  | WindowShape
  | ExpertsShape;

/**
 * The kernels of a lowered graph in the compiler's order, which may be given where several steps are made of
 * them. Throws UnsupportedError for an anchor without a form.
 */
export function kernelShapes(
  graph: Graph,
  dims: Dims,
  kernels: readonly Kernel[] = orderKernels(fuseKernels(graph)),
): KernelShape[] {
  const places = new Map<Node, number>();
  const sources: number[][] = [];
  const shapes = kernels.map((kernel, place) => {
    const after = sourcesOf(kernel, places);
    sources.push(after);
    [...kernel.anchors, ...kernel.chain].forEach((node) => places.set(node, place));
    const joined = joinsQuery(kernel, kernels[place - 1], dims);
    const shape = shapeOf(kernel, dims, after, joined);
    const loaded = loadedOperands(kernel);
    if (loaded.length === 0) return shape;
    return { ...shape, loadsAfter: sourcesOf(kernel, places, loaded) };
  });
  return liveBytes(kernels, sources, dims).map((values, i) => ({ ...shapes[i]!, values }));
}

/** What attention loads of this step's results: all of its operands but queries, and rows that it gets itself. */
function loadedOperands({ anchors: [anchor] }: Kernel): readonly Node[] {
  const { op, inputs } = anchor!;
  if (op === 'attention') return inputs.slice(1);
  return op === 'windowAttention' ? inputs.slice(5) : [];
}

/** Places of the kernels that made `read`, what `kernel` reads, through views. */
function sourcesOf(
  kernel: Kernel,
  places: ReadonlyMap<Node, number>,
  read: readonly Node[] = [...kernel.anchors, ...kernel.chain].flatMap(({ inputs }) => inputs),
): number[] {
  const own = new Set([...kernel.anchors, ...kernel.chain]);
  const found = new Set<number>();
  const visit = (node: Node): void => {
    if (own.has(node) || isConstant(node)) return;
    const place = places.get(node);
    if (place === undefined) node.inputs.forEach(visit);
    else found.add(place);
  };
  read.forEach(visit);
  return [...found];
}

function shapeOf(
  kernel: Kernel,
  dims: Dims,
  after: readonly number[],
  joined: boolean,
): KernelShape {
  const [anchor] = kernel.anchors as [Node];
  const rows = rowsOf(anchor, dims);
  switch (anchor.op) {
    case 'embedding':
      return embeddingShape(anchor, rows, after);
    case 'linear':
    case 'headLinear':
      return linearShape(kernel, rows, after);
    case 'attention':
      return { ...attentionShape(kernel, anchor, dims, after), joined };
    case 'topRows':
      return choosesAll(anchor, dims)
        ? { kind: 'rows', rows, steps: [], after }
        : indexerShape(anchor, dims, after);
    case 'topBlocks':
      return indexerShape(anchor, dims, after);
    case 'windowAttention':
      return windowShape(anchor, dims, vectorSteps(kernel.chain, lastDim(anchor.type)), after);
    case 'blockRows':
      return blockRowsShape(anchor, rows, dims, after);
    case 'experts':
      return expertsShape(anchor, rows, after);
    case 'route':
      return { kind: 'rows', rows, steps: [routeStep(anchor)], after };
    default:
      return composedShape(anchor, rows, dims, after) ?? rowsShape(kernel, rows, after);
  }
}

function embeddingShape(node: Node, rows: number, after: readonly number[]): EmbeddingShape {
  const width = lastDim(node.type);
  const lookups = rows * headsOf(node);
  return { kind: 'embedding', rows: lookups, width, copy: vectorStep('copy', width, 0), after };
}

/** Operators with a state that they replace. */
const CARRIED: ReadonlySet<Node['op']> = new Set(['causalConvolution', 'gatedDelta', 'compress']);

function composedShape(
  node: Node,
  rows: number,
  { B }: Dims,
  after: readonly number[],
): ComposedShape | undefined {
  const steps = streamSteps(node, rows);
  if (steps === undefined) return undefined;
  const [state] = node.inputs;
  const isCarried = CARRIED.has(node.op);
  const extents = isCarried ? (state!.type.shape.slice(1) as number[]) : [0];
  return { kind: 'composed', steps, stateBytes: B * countElements(extents) * 4, after };
}

function routeStep({ type, inputs, attrs }: NodeOf<'route'>): VectorStep {
  const { scoring, topK, groups, topGroups } = attrs;
  const flags = { normalize: Number(attrs.normalize), groupByBest: Number(attrs.groupByBest) };
  const choice = { topK, groups, topGroups, ...flags };
  const b = inputs[1] === undefined ? NONE : 0;
  const fields = { ...choice, scoring: SCORINGS.indexOf(scoring), b };
  return vectorStep('route', lastDim(type), 0, fields);
}

function linearShape(kernel: Kernel, rows: number, after: readonly number[]): LinearShape {
  const weight = kernel.anchors[0]!.inputs[1]!;
  const shape = weight.type.shape as number[];
  return {
    kind: 'linear',
    rows,
    ...{ outputs: shape.at(-2)!, inputs: shape.at(-1)!, planes: shape.at(-3) ?? 1 },
    weights: kernel.anchors.length,
    blockBytes: blockBytes(weight.type.dtype as MxFormat),
    chunkUnit: chunkUnit(kernel, shape.at(-2)!),
    steps: vectorSteps(kernel.chain, shape.at(-2)!),
    after,
  };
}

/** The vector instructions of a chain; a chain without any is a copy of rows of `width` channels. */
function vectorSteps(chain: readonly Node[], width: number): VectorStep[] {
  const computing = chain.filter(({ op }) => op !== 'append');
  return stepsOf(computing, Number.POSITIVE_INFINITY).map(({ compute, quantize }) => {
    const node = compute?.op === 'argMax' ? compute.inputs[0]! : (compute ?? quantize);
    const op = compute === undefined ? 'copy' : opcodeOf(compute);
    const columns = node === undefined ? width : lastDim(node.type);
    return vectorStep(op, columns, quantize?.attrs.group ?? 0, limitOf(compute));
  });
}

function opcodeOf(node: Node): MicrocodedOpcode {
  const op = node.op === 'argMax' ? 'argmax' : instructionOf(node);
  if (op !== undefined) return op as MicrocodedOpcode;
  throw new UnsupportedError(`${node.op} has no closed form`, { where: node.label });
}

function rowsShape(kernel: Kernel, rows: number, after: readonly number[]): RowsShape {
  const nodes = kernel.result.op === 'append' ? [] : kernel.anchors;
  const width = lastDim(kernel.result.type);
  return { kind: 'rows', rows, steps: vectorSteps([...nodes, ...kernel.chain], width), after };
}

function attentionShape(
  kernel: Kernel,
  anchor: NodeOf<'attention'>,
  dims: Dims,
  after: readonly number[],
): Omit<AttentionShape, 'joined'> {
  const { B, T, S } = dims;
  const [query, keys, values] = anchor.inputs as [Node, Node, Node];
  // A token with rows of its own is a sequence by itself.
  const own = attendsChosen(anchor, { dims });
  const context = own ? rowsChosen(anchor, S) : S;
  return {
    kind: 'attention',
    sequences: own ? B * T : B,
    tokens: own ? 1 : T,
    context,
    heads: query.type.shape[2] as number,
    groups: keys.type.shape[2] as number,
    keyWidth: lastDim(keys.type),
    valueWidth: anchor.attrs.valueWidth,
    shared: keys === values,
    rowBytes: mxRowBytes(lastDim(keys.type), keys.type.dtype as MxFormat),
    softmax: vectorStep('softmax', context, 32),
    steps: vectorSteps(kernel.chain, anchor.attrs.valueWidth),
    after,
  };
}

function rowsChosen({ inputs }: NodeOf<'attention'>, S: number): number {
  return wholeBlocks(Math.min(S, lastDim(inputs[4]!.type)));
}

/** Of each token the block that is not complete yet gets a mark. */
function blockRowsShape(
  node: NodeOf<'blockRows'>,
  rows: number,
  { S }: Dims,
  after: readonly number[],
): ComposedShape {
  const blocks = S / node.attrs.tokensPerRow;
  const steps = [
    repeated('softmax', blocks + 1, 1, rows, { b: NONE }),
    repeated('add', blocks, 1, rows),
  ];
  return { kind: 'composed', steps: choosesAll(node, { S }) ? [] : steps, stateBytes: 0, after };
}

function indexerShape(
  node: NodeOf<'topRows'> | NodeOf<'topBlocks'>,
  { B, T, S }: Dims,
  after: readonly number[],
): IndexerShape {
  const { q, keys } = partsOfTopRows(node.inputs);
  const heads = q.type.shape[2] as number;
  const keyWidth = lastDim(keys.type);
  const context = wholeBlocks(Math.floor(S / (node.attrs.tokensPerRow ?? 1)));
  return {
    kind: 'indexer',
    ...{ sequences: B, tokens: T, context, heads, keyWidth },
    rowBytes: mxRowBytes(keyWidth, keys.type.dtype as MxFormat),
    max: vectorStep('max', context, 0),
    mix: vectorStep('mix', context, 0, { terms: heads, accumulate: 0 }),
    choice: choiceSteps(node, T, context),
    after,
  };
}

/** Experts that a token chooses. */
function choicesOf(gates: Node, experts: number): number {
  if (gates.op === 'route') return gates.attrs.topK;
  return gates.op === 'routeByToken' ? lastDim(gates.inputs[2]!.type) : experts;
}

/** Rows are counted in the control memory. */
const COUNTED = { rowCount: 0 };

function expertsShape(
  node: NodeOf<'experts'>,
  rows: number,
  after: readonly number[],
): ExpertsShape {
  const [, gates, gateWeight] = node.inputs as [Node, Node, Node];
  const [experts, width, inputs] = gateWeight.type.shape as [number, number, number];
  const choices = rows * choicesOf(gates, experts);
  const chosen = Math.min(experts, choices);
  return {
    kind: 'experts',
    experts,
    loads: [{ experts: chosen, rows: choices / chosen }],
    runs: Math.min(chosen, Math.max(1, experts - chosen)),
    inputs,
    width,
    blockBytes: blockBytes(gateWeight.type.dtype as MxFormat),
    swiglu: vectorStep('swiglu', width, 32, { ...COUNTED, ...limitOf(node) }),
    combine: vectorStep('combine', width, 0, COUNTED),
    after,
  };
}
