/**
 * The time of a kernel on one rank of a layout: the larger of arithmetic and memory, its launches, and
 * the kernels beside it that only move rows.
 *
 *   arithmetic = 2·MACs on whole tiles and waves / (peak · efficiency), and the ends of tiles (tiles.ts)
 *   memory     = (weights + state + rows) / (bandwidth · efficiency)
 *
 * A rank is what software sees as one device: one of several in some packages.
 */
import type { Efficiency } from '../chip/index.ts';
import type { Node } from '../ir/index.ts';
import type { ChipModel } from './chipModel.ts';
import { needOfExperts } from './experts.ts';
import { RECURRENT_BYTES } from './inventory.ts';
import { ROW_BYTES, rowElements, type Kernel } from './kernels.ts';
import { workOf } from './operations.ts';
import type { Split } from './partition.ts';
import { isNarrow, type FormatRate, type Precision } from './precision.ts';
import type { Need, Shard } from './shard.ts';
import { tiledSeconds } from './tiles.ts';

export interface KernelTime {
  readonly seconds: number;
  /** Of it, starting kernels. */
  readonly launchSeconds: number;
  readonly arithmeticSeconds: number;
  readonly memorySeconds: number;
  /** Of it, kernels that only move rows: narrowing, sorting, gates and sums of experts. */
  readonly besideSeconds: number;
}

export function kernelTime(kernel: Kernel, shard: Shard, model: ChipModel): KernelTime {
  const { efficiency, precision } = model;
  const rate = rateOf(kernel, precision);
  const { arithmeticSeconds, bytes, besideBytes } = needOf(kernel, shard, model, rate);
  const bandwidth = model.bandwidthBytesPerSecond * efficiency.memory.value;
  const [memorySeconds, besideSeconds] = [bytes / bandwidth, besideBytes / bandwidth];
  const launchSeconds = launchesOf(kernel, rate) * efficiency.kernelSeconds.value;
  const seconds = Math.max(arithmeticSeconds, memorySeconds) + launchSeconds + besideSeconds;
  return { seconds, launchSeconds, arithmeticSeconds, memorySeconds, besideSeconds };
}

/**
 * Products of a narrow format quantise their rows in a kernel before, those of experts twice: scales are
 * those of the rows at hand (`activation_scheme: dynamic`).
 */
function launchesOf({ kind, launches }: Kernel, rate: FormatRate): number {
  if (!isNarrow(rate) || kind === 'attention' || kind === 'rows') return launches;
  return launches + (kind === 'experts' ? 2 : 1);
}

function rateOf(kernel: Kernel, precision: Precision): FormatRate {
  if (kernel.kind === 'experts') return precision.experts;
  return kernel.wide || kernel.kind !== 'product' ? precision.wide : precision.linear;
}

function needOf(kernel: Kernel, shard: Shard, model: ChipModel, rate: FormatRate): Need {
  switch (kernel.kind) {
    case 'experts':
      return needOfExperts(kernel, shard, model, rate);
    case 'product':
      return needOfProduct(kernel, shard, model, rate);
    case 'attention':
      return needOfAttention(kernel, shard, model);
    case 'rows':
      return needOfRows(kernel, shard);
  }
}

/** Ranks that a node is divided among; of heads that do not divide evenly the largest share counts. */
export function waysOf(split: Split, tensor: number): number {
  if (split.by === 'whole') return 1;
  if (split.by !== 'heads') return tensor;
  return split.heads / Math.ceil(split.heads / Math.min(tensor, split.heads));
}

/** As ways, of the state of attention. */
function stateWaysOf(split: Split, tensor: number): number {
  if (split.by !== 'heads') return 1;
  return waysOf({ ...split, heads: split.stateHeads }, tensor);
}

function needOfProduct(
  { nodes, splits }: Kernel,
  { dims, tensor }: Shard,
  model: ChipModel,
  rate: FormatRate,
): Need {
  let [columns, depth, weights, outputs] = [0, 0, 0, 0];
  const [first] = nodes as readonly [Node];
  const rows = dims.B * (first.type.shape[1] === 1 ? 1 : dims.T);
  let products = 1;
  nodes.forEach((node, i) => {
    const work = workOf(node, dims);
    const ways = waysOf(splits[i]!, tensor);
    const wide = node.type.shape.at(-1) as number;
    if (node.op === 'headLinear') products = (node.type.shape[2] as number) / ways;
    // Divided by rows, a product keeps its columns and has less depth; either way 1/ways of the work.
    columns += node.op === 'headLinear' ? wide : wide / ways;
    depth = work.macs / (rows * wide * (node.op === 'headLinear' ? products * ways : 1));
    weights += work.weightElements / ways;
    outputs += rowElements([node], dims) / ways;
  });
  const speed = rate.operationsPerSecond * model.efficiency.matrix.value;
  const size = { rows, columns, depth, count: products };
  return {
    arithmeticSeconds: tiledSeconds(size, speed, model.efficiency, model.cores),
    bytes: weights * rate.bytesPerWeight + outputs * ROW_BYTES,
    besideBytes: isNarrow(rate) ? rows * depth * (ROW_BYTES + rate.bytesPerWeight) : 0,
  };
}

/** Tokens that a step checks of a sequence, at most; with more it reads a prompt. */
export const MOST_CHECKED = 8;

function needOfAttention(
  { nodes, splits }: Kernel,
  { dims, tensor }: Shard,
  { precision, efficiency }: ChipModel,
): Need {
  const [node] = nodes as readonly [Node];
  const [split] = splits as readonly [Split];
  const work = workOf(node, dims);
  const ways = waysOf(split, tensor);
  const recurrent = node.op === 'gatedDelta';
  const each = recurrent ? RECURRENT_BYTES : precision.bytesPerStateElement;
  const state = (work.stateElements / stateWaysOf(split, tensor)) * each;
  const rows = (rowElements(nodes, dims) / ways) * ROW_BYTES;
  const filled = recurrent ? 1 : filledRows(split, ways, dims.T, efficiency);
  const reads = dims.T > MOST_CHECKED;
  const share = reads ? efficiency.promptAttention.value : efficiency.attention.value;
  const speed = precision.wide.operationsPerSecond * share;
  const arithmeticSeconds = (2 * work.macs * filled) / ways / speed;
  return { arithmeticSeconds, bytes: state + rows, besideBytes: 0 };
}

/** Rows of a tile over rows in use: the heads of a rank that share keys, for each new token. */
function filledRows(split: Split, ways: number, tokens: number, { tile }: Efficiency): number {
  if (split.by !== 'heads') return 1;
  const rows = Math.max(1, split.heads / Math.max(ways, split.stateHeads)) * tokens;
  const height = tile.rows.find((each) => each >= rows) ?? tile.rows.at(-1)!;
  return (Math.ceil(rows / height) * height) / rows;
}

function needOfRows({ nodes, splits }: Kernel, { dims, tensor }: Shard): Need {
  const ways = waysOf(splits[0]!, tensor);
  const state = nodes.reduce((sum, node) => sum + workOf(node, dims).stateElements, 0);
  const bytes = ((rowElements(nodes, dims) + state) / ways) * ROW_BYTES;
  return { arithmeticSeconds: 0, bytes, besideBytes: 0 };
}
