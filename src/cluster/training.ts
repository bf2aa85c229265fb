/**
 * A step of training, and the chip-hours of a token budget.
 *
 *   forward F: the kernels of the prompt graph on one sequence; backward B: products twice (gradients of
 *   inputs and of weights, W), fused attention 2.5 times [1] at the share that its backward reaches, sums
 *   of gradients in f32 read and written; recomputed kernels once more. Exchanges and sums of ranks: once
 *   forward and once backward.
 *
 *   1F1B         m·(F+B) + (p−1)·(F+B)              zero bubble   m·(F+B) + (p−1)·(F+B−2W)   [2]
 *   DualPipe     (m−u)·P + u·(F+B) + (p/2−1)·(P+B−3W),   P = max(kernels of F+B, their exchanges) [3]
 *
 * for m sequences of a rank and p stages, F, B, W of the longest stage. Only DualPipe hides
 * exchanges, and only in pairs: in P every kernel runs on the cores that move no data. While the pipeline
 * fills and drains u = p + (p/2−1)/2 sequences of a rank, in the mean over ranks, go forward without one
 * that goes backward. At the end gradients are scattered and weights gathered among the ranks that share
 * them (ZeRO-1), and the optimizer reads and writes its state.
 *
 * [1] FlashAttention-2, https://arxiv.org/abs/2307.08691, section 4.1 (5 products for 2)
 * [2] Zero Bubble Pipeline Parallelism, https://arxiv.org/abs/2401.10241 (ZB-H1)
 * [3] https://github.com/deepseek-ai/DualPipe, README and dualpipe.py (the eight steps of a rank)
 */
import { kernelTime, type ChipModel, type Kernel, type KernelGraph } from '../cost/index.ts';
import { networkOf } from './collectives.ts';
import type { Layout } from './layout.ts';
import { weightBytesPerChip } from './memory.ts';
import type { ServedModel } from './servedModel.ts';
import { linkSeconds } from './step.ts';

export const PIPELINES = ['1f1b', 'zeroBubble', 'dualPipe'] as const;
export const RECOMPUTES = ['none', 'rows', 'all'] as const;

export interface TrainingRequest {
  readonly model: ServedModel;
  readonly chip: ChipModel;
  /** Devices in all (ChipModel.devices). */
  readonly count: number;
  /** Of one group that shares the experts; `count` holds as many groups as fit. */
  readonly layout: Layout;
  readonly sequenceTokens: number;
  /** Sequences of a step. */
  readonly batch: number;
  readonly tokens: number;
  readonly pipeline: (typeof PIPELINES)[number];
  /** What backward computes again: nothing, norms, gates, rotations and wider latents, or every kernel. */
  readonly recompute: (typeof RECOMPUTES)[number];
}

export interface TrainingStep {
  readonly seconds: number;
  readonly forwardSeconds: number;
  readonly backwardSeconds: number;
  /** Exchanges and sums that nothing hides, and cores that move data instead of computing. */
  readonly linkSeconds: number;
  readonly bubbleSeconds: number;
  readonly optimizerSeconds: number;
  readonly chipHours: number;
  readonly days: number;
  /** 6 · active parameters · tokens over the time and the BF16 peak of all chips. */
  readonly operationsPerSecondPerChip: number;
}

export function trainingStep(request: TrainingRequest, activeParameters: number): TrainingStep {
  const { count, layout, batch, sequenceTokens, tokens } = request;
  const ranks = count / (layout.pipeline * layout.tensor);
  const sequences = batch / ranks;
  const stage = longestStage(request);
  const { seconds: piped, bubble, exposed } = scheduleOf(request, stage, sequences);
  const optimizerSeconds = optimizerOf(request, ranks);
  const seconds = piped + optimizerSeconds;
  const hours = ((tokens / (batch * sequenceTokens)) * seconds) / 3600;
  return {
    seconds,
    forwardSeconds: sequences * stage.forward,
    backwardSeconds: sequences * stage.backward,
    linkSeconds: exposed,
    bubbleSeconds: bubble,
    optimizerSeconds,
    chipHours: (hours * count) / request.chip.devices,
    days: hours / 24,
    operationsPerSecondPerChip:
      (6 * activeParameters * batch * sequenceTokens * request.chip.devices) / (seconds * count),
  };
}

/** Of one sequence, in seconds. */
interface PassTimes {
  readonly forward: number;
  readonly backward: number;
  /** Of backward, gradients of weights. */
  readonly weights: number;
  /** Exchanges and sums of ranks, forward and backward. */
  readonly links: number;
}

const NO_TIME: PassTimes = { forward: 0, backward: 0, weights: 0, links: 0 };

function scaledPass({ forward, backward, weights, links }: PassTimes, by: number): PassTimes {
  return {
    forward: forward * by,
    backward: backward * by,
    weights: weights * by,
    links: links * by,
  };
}

function addPass(a: PassTimes, b: PassTimes): PassTimes {
  return {
    forward: a.forward + b.forward,
    backward: a.backward + b.backward,
    weights: a.weights + b.weights,
    links: a.links + b.links,
  };
}

/**
 * The stage that the others wait for. Stages have whole layers, and the last also head and predictor: of
 * all numbers of layers there the best. With DualPipe a rank has two stages, the first and the last
 * together.
 */
function longestStage(request: TrainingRequest): PassTimes {
  const { model, chip, layout, pipeline } = request;
  const { prefill, draftPrefill: draft } = model;
  const body = passTimes(prefill, request, (kernel) => !isHead(kernel));
  const heads = passTimes(prefill, request, isHead);
  const drafts = draft === undefined ? NO_TIME : passTimes(draft, request, () => true);
  const layers = (count: number): PassTimes => scaledPass(body, count / prefill.layers);
  const end = addPass(heads, drafts);
  const choices = Array.from({ length: prefill.layers + 1 }, (_, onLast) => {
    const last = addPass(layers(onLast), end);
    if (layout.pipeline === 1) return addPass(layers(prefill.layers), end);
    const other = layers(Math.ceil((prefill.layers - onLast) / (layout.pipeline - 1)));
    const outer = pipeline === 'dualPipe' ? scaledPass(addPass(other, last), 1 / 2) : last;
    return total(outer) > total(other) ? outer : other;
  });
  const longest = choices.reduce((best, each) => (total(each) < total(best) ? each : best));
  const sums = (elementsHeld(model, chip, layout) * SUM_BYTES) / memoryRate(chip);
  return { ...longest, backward: longest.backward + sums, weights: longest.weights + sums };
}

function total({ forward, backward }: PassTimes): number {
  return forward + backward;
}

function memoryRate({ bandwidthBytesPerSecond, efficiency }: ChipModel): number {
  return bandwidthBytesPerSecond * efficiency.memory.value;
}

/** The gradient of a weight in f32, to which every sequence adds. */
const SUM_BYTES = 2 * 4;
const ATTENTION_BACKWARD = 2.5;
/**
 * Rows of the fullest rank over those of uniform choices. Bias terms keep experts within 4 % over a whole
 * run [4]; of one sequence on each rank no load was read, and this is assumed.
 *
 * [4] https://arxiv.org/abs/2408.15664 (MaxVio of all batches, from memory)
 */
const TRAINED_SKEW = 1.1;

function passTimes(
  graph: KernelGraph,
  { chip, layout, sequenceTokens: T, recompute }: TrainingRequest,
  counts: (kernel: Kernel) => boolean,
): PassTimes {
  const dims = { B: 1, T, S: T };
  const shard = {
    ...{ tensor: layout.tensor, expert: layout.expert, dims },
    expertTensor: (layout.tensor * layout.data) / layout.expert,
    expertTokens: T * layout.data,
    skew: TRAINED_SKEW,
  };
  const { promptAttention, backwardAttention } = chip.efficiency;
  const attention = (ATTENTION_BACKWARD * promptAttention.value) / backwardAttention.value;
  const times = { forward: 0, backward: 0, weights: 0 };
  for (const kernel of graph.kernels.filter(counts)) {
    const seconds = kernel.count * kernelTime(kernel, shard, chip).seconds * headRows(kernel, T);
    const again = recompute === 'all' || (recompute === 'rows' && isCheap(kernel, graph));
    const factor = kernel.kind === 'attention' ? attention : 2;
    times.forward += seconds;
    times.backward += seconds * (factor + (again ? 1 : 0));
    if (kernel.kind === 'product' || kernel.kind === 'experts') times.weights += seconds;
  }
  const passes = recompute === 'all' ? 3 : 2;
  const meets = graph.kernels.some((kernel) => counts(kernel) && !isHead(kernel));
  const links = meets ? linkSeconds(graph, chip, layout, dims, TRAINED_SKEW) : 0;
  return { ...times, links: passes * links };
}

/** Norms, gates, rotations, and products that widen a latent: many rows for little arithmetic. */
export function isCheap({ kind, op, nodes, splits }: Kernel, { width }: KernelGraph): boolean {
  if (kind === 'rows' || op === 'headLinear') return true;
  const [rows] = nodes[0]!.inputs;
  const depth = rows?.type.shape.at(-1);
  return op === 'linear' && splits[0]!.by === 'heads' && (depth as number) < width;
}

function isHead({ wide, op, nodes }: Kernel): boolean {
  return wide && op === 'linear' && nodes[0]!.type.shape[1] === 1;
}

/** The head of a served model has one row; in training every token has. Its time then grows with rows. */
function headRows(kernel: Kernel, tokens: number): number {
  return isHead(kernel) ? tokens / HEAD_ROWS_FREE : 1;
}

/** Rows of a product that its weights give time for: below it memory limits, above it arithmetic. */
const HEAD_ROWS_FREE = 256;

function scheduleOf(
  { pipeline, chip, layout }: TrainingRequest,
  { forward: F, backward: B, weights: W, links }: PassTimes,
  sequences: number,
): { seconds: number; bubble: number; exposed: number } {
  const stages = layout.pipeline;
  const alone = F + B + links;
  if (pipeline === 'dualPipe') {
    const pair = Math.max((F + B) / (1 - chip.efficiency.exchangeCores.value), links);
    const unpaired = Math.min(sequences, stages + Math.max(0, stages / 2 - 1) / 2);
    const bubble = Math.max(0, (stages / 2 - 1) * (pair + B - 3 * W));
    const busy = (sequences - unpaired) * pair + unpaired * alone;
    return { seconds: busy + bubble, bubble, exposed: busy - sequences * (F + B) };
  }
  const saved = pipeline === 'zeroBubble' ? 2 * W : 0;
  const bubble = (stages - 1) * Math.max(0, alone - saved);
  return { seconds: sequences * alone + bubble, bubble, exposed: sequences * links };
}

/** Bytes of a weight's gradient on links; of its optimizer state read and written: f32 master, two bf16 moments. */
const GRADIENT_BYTES = 2;
const OPTIMIZER_BYTES = 2 * (4 + 2 + 2);

/** Weights that a chip holds. */
export function elementsHeld(model: ServedModel, { precision }: ChipModel, layout: Layout): number {
  const one = { ...precision.wide, bytesPerWeight: 1 };
  return weightBytesPerChip(model.prefill, layout, {
    ...precision,
    linear: one,
    experts: one,
    wide: one,
  });
}

function optimizerOf({ model, chip, layout }: TrainingRequest, ranks: number): number {
  const held = elementsHeld(model, chip, layout);
  const network = networkOf(chip);
  const sharing = Math.max(1, ranks / layout.data);
  const dense = held - expertElements(model, layout);
  const moved = GRADIENT_BYTES * 2 * (dense + (sharing > 1 ? held - dense : 0));
  return (
    moved / network.outsideBytesPerSecond + (held * OPTIMIZER_BYTES) / sharing / memoryRate(chip)
  );
}

function expertElements({ prefill }: ServedModel, { expert, pipeline }: Layout): number {
  const all = prefill.kernels
    .filter(({ kind }) => kind === 'experts')
    .map(({ nodes, count }) => {
      const [E, F, D] = nodes[0]!.inputs[2]!.type.shape as [number, number, number];
      return count * 3 * E * F * D;
    });
  return all.reduce((sum, each) => sum + each, 0) / (expert * pipeline);
}
