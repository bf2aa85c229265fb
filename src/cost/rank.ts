/**
 * The time of a kernel on one rank of a layout: the larger of arithmetic and memory, and its launches.
 *
 *   arithmetic = 2·MACs on whole tiles and waves / (peak · efficiency)
 *   memory     = (weights + state + rows) / (bandwidth · efficiency)
 *
 * Tiles: a core computes a tile of the product at a time, so rows and columns are filled up to whole
 * tiles, and tiles to whole waves over the cores; a product with fewer tiles than cores is divided along
 * k. Experts: ranks hold E/ep experts each; tokens choose independently and uniformly [1], and all wait
 * for the rank with most of them: a mean of n balls in each bin has a maximum over r bins of about
 * mean + √(2·variance·ln r) [2].
 *
 * [1] DeepSeek-V3, https://arxiv.org/abs/2412.19437, section 2.1.2 (balanced by design)
 * [2] Raab and Steger: Balls into Bins, 1998, https://doi.org/10.1007/3-540-49543-6_13
 */
import { UnsupportedError } from '../base/index.ts';
import { efficiencyOf, type Accelerator, type Efficiency } from '../chip/index.ts';
import { type Dims, type Node } from '../ir/index.ts';
import { RECURRENT_BYTES } from './inventory.ts';
import { rowElements, type Kernel } from './kernels.ts';
import { expertChoice, workOf } from './operations.ts';
import { type Split } from './partition.ts';
import { type FormatRate, type Precision } from './precision.ts';

/** A chip with what it reaches, for weights of one precision. */
export interface ChipModel {
  readonly chip: Accelerator;
  readonly efficiency: Efficiency;
  readonly precision: Precision;
  readonly bandwidthBytesPerSecond: number;
  readonly capacityBytes: number;
  /** Cores that compute a tile at a time; undefined where it is not published. */
  readonly cores: number | undefined;
}

/** What one rank does of a step. */
export interface Shard {
  /** Ranks that divide attention and dense products. */
  readonly tensor: number;
  /** Ranks that divide the experts among them, and ranks that divide each expert. */
  readonly expert: number;
  readonly expertTensor: number;
  /** Sequences of the rank, new tokens of each, tokens of context. */
  readonly dims: Dims;
  /** Tokens of the step in all ranks that share the experts. */
  readonly expertTokens: number;
}

export interface KernelTime {
  readonly seconds: number;
  /** Of it, starting kernels. */
  readonly launchSeconds: number;
  readonly arithmeticSeconds: number;
  readonly memorySeconds: number;
  /** Of it, reading rows and writing them in the narrow format of the weights. */
  readonly quantizeSeconds: number;
}

/** Throws UnsupportedError when bandwidth or capacity of the chip are not published. */
export function chipModel(chip: Accelerator, precision: Precision): ChipModel {
  const { bandwidthBytesPerSecond, capacityBytes } = chip.memory;
  if (bandwidthBytesPerSecond === null || capacityBytes === null) {
    const lacking = bandwidthBytesPerSecond === null ? 'bandwidth' : 'capacity';
    throw new UnsupportedError(`a memory ${lacking} must be published, but there is none`, {
      where: chip.id,
      hint: `celadon chips --sort ${lacking} shows those that have one`,
    });
  }
  const efficiency = efficiencyOf(chip.id);
  const cores = chip.microarchitecture?.[efficiency.tile.cores];
  return {
    chip,
    efficiency,
    precision,
    bandwidthBytesPerSecond,
    capacityBytes,
    cores: typeof cores === 'number' ? cores : undefined,
  };
}

/** What a kernel needs of a rank. */
interface Need {
  /** Operations on whole tiles and waves. */
  operations: number;
  bytes: number;
  /** Elements of rows that are quantised before. */
  quantized?: number;
}

export function kernelTime(kernel: Kernel, shard: Shard, model: ChipModel): KernelTime {
  const { efficiency, precision } = model;
  const rate = rateOf(kernel, precision);
  const need = needOf(kernel, shard, model, rate);
  const share = kernel.kind === 'attention' ? efficiency.attention : efficiency.matrix;
  const arithmeticSeconds = need.operations / (rate.operationsPerSecond * share.value);
  const bandwidth = model.bandwidthBytesPerSecond * efficiency.memory.value;
  const memorySeconds = need.bytes / bandwidth;
  const moved = isNarrow(rate) ? (need.quantized ?? 0) * (ROW_BYTES + rate.bytesPerWeight) : 0;
  const quantizeSeconds = moved / bandwidth;
  const launchSeconds = launchesOf(kernel, rate) * efficiency.kernelSeconds.value;
  const seconds = Math.max(arithmeticSeconds, memorySeconds) + launchSeconds + quantizeSeconds;
  return { seconds, launchSeconds, arithmeticSeconds, memorySeconds, quantizeSeconds };
}

/**
 * Products of a narrow format quantise their rows in a kernel before, those of experts twice: scales are
 * those of the rows at hand (`activation_scheme: dynamic`).
 */
function launchesOf({ kind, launches }: Kernel, rate: FormatRate): number {
  if (!isNarrow(rate) || kind === 'attention' || kind === 'rows') return launches;
  return launches + (kind === 'experts' ? 2 : 1);
}

function isNarrow({ format }: FormatRate): boolean {
  return format !== 'bf16' && format !== 'fp16';
}

function rateOf(kernel: Kernel, precision: Precision): FormatRate {
  if (kernel.kind === 'experts') return precision.experts;
  return kernel.wide || kernel.kind !== 'product' ? precision.wide : precision.linear;
}

/** Bytes of an element of rows between kernels. */
const ROW_BYTES = 2;

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
export function stateWaysOf(split: Split, tensor: number): number {
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
  const operations = products * tiledOperations(rows, columns, depth, products, model);
  const bytes = weights * rate.bytesPerWeight + outputs * ROW_BYTES;
  return { operations, bytes, quantized: rows * depth };
}

/** Operations of rows × columns × depth with tiles and waves filled up, the best height of tiles chosen. */
function tiledOperations(
  rows: number,
  columns: number,
  depth: number,
  products: number,
  { efficiency, cores }: ChipModel,
): number {
  const { tile } = efficiency;
  const heights = tile.rows.map((height) => {
    const down = Math.ceil(rows / height);
    const across = Math.ceil(columns / tile.columns);
    const tiles = down * across * products;
    const whole = down * height * across * tile.columns * depth * 2;
    if (cores === undefined || tiles < cores) return whole; // along k for the cores that are left
    return whole * ((Math.ceil(tiles / cores) * cores) / tiles);
  });
  return Math.min(...heights);
}

/** The largest of the loads of `ranks` bins with this mean. */
export function largestLoad(mean: number, ranks: number): number {
  return mean + Math.sqrt(2 * mean * (1 - 1 / ranks) * Math.log(ranks));
}

function needOfExperts(
  { nodes }: Kernel,
  { expert, expertTensor, expertTokens }: Shard,
  model: ChipModel,
  rate: FormatRate,
): Need {
  const node = nodes[0] as Node & { readonly op: 'experts' };
  const { topK, experts } = expertChoice(node);
  const [, width, depth] = node.inputs[2]!.type.shape as [number, number, number];
  const held = Math.ceil(experts / expert);
  const columns = width / expertTensor;
  const load = Math.min(largestLoad((expertTokens * topK) / expert, expert), expertTokens * held);
  const chosen = 1 - (1 - topK / experts) ** expertTokens;
  const touched = Math.min(held, load, largestTouched(held, chosen, expert));
  const rows = load / touched;
  // gate and up (columns each, depth), then down (depth, columns): of `touched` experts.
  const operations =
    touched *
    (tiledOperations(rows, 2 * columns, depth, touched, model) +
      tiledOperations(rows, depth, columns, touched, model));
  const weights = touched * 3 * columns * depth;
  const moved = load * (2 * depth + 4 * columns);
  const bytes = weights * rate.bytesPerWeight + moved * ROW_BYTES;
  return { operations, bytes, quantized: load * (depth + columns) };
}

/** Of the experts that each rank holds, how many the rank with most of them needs. */
function largestTouched(held: number, chosen: number, ranks: number): number {
  const variance = held * chosen * (1 - chosen);
  return held * chosen + Math.sqrt(2 * variance * Math.log(ranks));
}

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
  return { operations: (2 * work.macs * filled) / ways, bytes: state + rows };
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
  return { operations: 0, bytes: ((rowElements(nodes, dims) + state) / ways) * ROW_BYTES };
}
