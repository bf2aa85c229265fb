/**
 * Memory of one chip of a layout: weights, state of sequences, buffers of a step, and what the system
 * keeps for itself.
 */
import {
  rowElements,
  stateShare,
  stateTable,
  waysOf,
  weightBehind,
  type ChipModel,
  type Kernel,
  type KernelGraph,
  type Precision,
  type Split,
  type StateSize,
} from '../cost/index.ts';
import { countElements, type Node } from '../ir/index.ts';
import { expertTensorOf, type Layout } from './layout.ts';
import type { ServedModel } from './servedModel.ts';

export interface ChipMemory {
  readonly weightBytes: number;
  /** Of all sequences of the chip. */
  readonly stateBytes: number;
  readonly bufferBytes: number;
  readonly reservedBytes: number;
  readonly totalBytes: number;
  readonly capacityBytes: number;
  readonly fits: boolean;
}

/** What a chip holds: sequences with so many tokens of context, and tokens of its largest step. */
export interface ChipLoad {
  /** Sequences of each group of `layout.data`. */
  readonly sequences: number;
  readonly context: number;
  readonly stepTokens: number;
}

/** Weights + state + buffers + reserve of one chip of `layout`. */
export function memoryPerChip(
  model: ServedModel,
  layout: Layout,
  chip: ChipModel,
  load: ChipLoad,
): ChipMemory {
  const weightBytes = weightBytesPerChip(model.decode, layout, chip.precision);
  const each = stateBytesPerSequence(model.decode, layout, chip.precision);
  const stateBytes = load.sequences * (each.perToken * load.context + each.perSequence);
  const logits = load.sequences * logitBytes(model.decode, layout);
  const bufferBytes = bufferBytesPerChip(model.decode, layout, load) + logits;
  const reservedBytes = chip.efficiency.reservedBytes.value;
  const totalBytes = weightBytes + stateBytes + bufferBytes + reservedBytes;
  const { capacityBytes } = chip;
  return {
    ...{ weightBytes, stateBytes, bufferBytes, reservedBytes },
    ...{ totalBytes, capacityBytes, fits: totalBytes <= capacityBytes },
  };
}

/** Sequences of `context` tokens that a chip holds beside the weights; 0 where not even those fit. */
export function mostSequences(
  model: ServedModel,
  layout: Layout,
  chip: ChipModel,
  { context, stepTokens }: Omit<ChipLoad, 'sequences'>,
): number {
  const empty = memoryPerChip(model, layout, chip, { sequences: 0, context, stepTokens });
  const { perToken, perSequence } = stateBytesPerSequence(model.decode, layout, chip.precision);
  const free = empty.capacityBytes - empty.totalBytes;
  const each = perToken * context + perSequence + logitBytes(model.decode, layout);
  return Math.max(0, Math.floor(free / each));
}

/** Of the stage with most layers; embeddings and head counted as if they were spread over the stages. */
export function weightBytesPerChip(
  { kernels, layers }: KernelGraph,
  layout: Layout,
  precision: Precision,
): number {
  const bytes = kernels
    .filter((kernel) => !isTied(kernel, kernels))
    .reduce((sum, kernel) => sum + kernel.count * weightBytesOf(kernel, layout, precision), 0);
  return bytes * (Math.ceil(layers / layout.pipeline) / layers);
}

/** Whether a kernel looks up rows of the weight that the head multiplies by. */
function isTied({ op, nodes }: Kernel, kernels: readonly Kernel[]): boolean {
  if (op !== 'embedding') return false;
  const heads = kernels.filter((kernel) => kernel.wide && kernel.op === 'linear');
  return heads.some((head) => head.nodes.some((node) => node.inputs[1] === nodes[0]!.inputs[1]));
}

function weightBytesOf(kernel: Kernel, layout: Layout, precision: Precision): number {
  return kernel.nodes.reduce((sum, node, i) => {
    const elements = weightElements(node) / weightWays(node, kernel.splits[i]!, layout);
    return sum + elements * bytesPerWeight(kernel, precision);
  }, 0);
}

function bytesPerWeight(
  { kind, wide }: Kernel,
  { linear, experts, wide: head }: Precision,
): number {
  if (kind === 'experts') return experts.bytesPerWeight;
  return kind === 'product' && !wide ? linear.bytesPerWeight : head.bytesPerWeight;
}

function weightWays(node: Node, split: Split, layout: Layout): number {
  if (split.by === 'experts') {
    const experts = node.inputs[2]!.type.shape[0] as number;
    return (experts / Math.ceil(experts / layout.expert)) * expertTensorOf(layout);
  }
  return node.op === 'embedding' ? layout.tensor : waysOf(split, layout.tensor);
}

/** Elements of the weights that a node reads, all experts and rows of tables counted. */
function weightElements(node: Node): number {
  return node.inputs.reduce((sum, input) => {
    const weight = weightBehind(input);
    return weight ? sum + countElements(weight.type.shape as readonly number[]) : sum;
  }, 0);
}

/** State of a sequence on one rank; heads of keys and values are divided, a latent is not. */
export function stateBytesPerSequence(
  { graph, layers }: KernelGraph,
  { tensor, pipeline }: Layout,
  { bytesPerStateElement }: Precision,
): StateSize {
  const stage = Math.ceil(layers / pipeline) / layers;
  const { perToken, perSequence } = stateShare(stateTable(graph, bytesPerStateElement), tensor);
  return { perToken: perToken * stage, perSequence: perSequence * stage };
}

/** Rows of the widest kernel twice, what it reads and what the next writes. */
function bufferBytesPerChip(
  { kernels }: KernelGraph,
  { tensor }: Layout,
  { stepTokens }: ChipLoad,
): number {
  const dims = { B: 1, T: stepTokens };
  const widest = kernels
    .filter(({ nodes }) => nodes[0]!.type.shape[1] === 'T')
    .map(({ nodes, splits }) => rowElements(nodes, dims) / waysOf(splits[0]!, tensor));
  return 2 * 2 * Math.max(...widest);
}

/** Logits of one sequence in f32. */
function logitBytes({ kernels }: KernelGraph, { tensor }: Layout): number {
  const heads = kernels.filter(({ wide, op }) => wide && op === 'linear');
  return heads.reduce(
    (sum, { nodes }) => sum + ((nodes[0]!.type.shape.at(-1) as number) * 4) / tensor,
    0,
  );
}
