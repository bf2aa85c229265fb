/**
 * A step of training, and the chip-hours of a token budget.
 *
 *   forward F: the kernels of the prompt graph on one sequence; backward: products twice (gradients of
 *   inputs and of weights, W each), fused attention 2.5 times [1]; recomputed kernels once more.
 *
 *   1F1B         m·(F+B) + (p−1)·(F+B)              zero bubble   m·(F+B) + (p−1)·(F+B−2W)   [2]
 *   DualPipe     m·max(F+B, links) + (p/2−1)·(max(F+B, links) + B − 3W)                      [3]
 *
 * with F+B slowed in DualPipe by the cores that move data.
 *
 * for m sequences of a rank and p stages, F, B, W of one stage. Only DualPipe hides exchanges. At the end
 * gradients are scattered and weights gathered among the ranks that share them (ZeRO-1), and the optimizer
 * reads and writes its state.
 *
 * [1] FlashAttention-2, https://arxiv.org/abs/2307.08691, section 4.1 (5 products for 2)
 * [2] Zero Bubble Pipeline Parallelism, https://arxiv.org/abs/2401.10241 (ZB-H1)
 * [3] https://github.com/deepseek-ai/DualPipe, README, pipeline bubbles
 */
import { kernelTime, type ChipModel, type Kernel, type KernelGraph } from '../cost/index.ts';
import { networkOf } from './collectives.ts';
import { type Layout } from './layout.ts';
import { weightBytesPerChip } from './memory.ts';
import { type ServedModel } from './servedModel.ts';
import { linkSeconds } from './step.ts';

export const PIPELINES = ['1f1b', 'zeroBubble', 'dualPipe'] as const;
export const RECOMPUTES = ['none', 'rows', 'all'] as const;

export interface TrainingRequest {
  readonly model: ServedModel;
  readonly chip: ChipModel;
  /** Chips in all. */
  readonly count: number;
  /** Of one group that shares the experts; `count` holds as many groups as fit. */
  readonly layout: Layout;
  readonly sequenceTokens: number;
  /** Sequences of a step. */
  readonly batch: number;
  readonly tokens: number;
  readonly pipeline: (typeof PIPELINES)[number];
  /** What backward computes again: nothing, norms, gates and rotations, or every kernel. */
  readonly recompute: (typeof RECOMPUTES)[number];
}

export interface TrainingStep {
  readonly seconds: number;
  readonly forwardSeconds: number;
  readonly backwardSeconds: number;
  /** Exchanges and sums that nothing hides. */
  readonly linkSeconds: number;
  readonly bubbleSeconds: number;
  readonly optimizerSeconds: number;
  readonly chipHours: number;
  readonly days: number;
  /** 6 · active parameters · tokens over the time and the BF16 peak of all chips. */
  readonly operationsPerSecondPerChip: number;
}

export function trainingStep(request: TrainingRequest, activeParameters: number): TrainingStep {
  const { chip, count, layout, batch, sequenceTokens, tokens } = request;
  const stages = layout.pipeline;
  const ranks = count / (stages * layout.tensor);
  const sequences = batch / ranks;
  const pass = passOf(request);
  const [F, B, W] = [pass.forward / stages, pass.backward / stages, pass.weights / stages];
  const links = (3 * pass.links) / stages;
  const { each, bubble, exposed } = scheduleOf(request, { F, B, W, links }, stages);
  const optimizerSeconds = optimizerOf(request, ranks);
  const seconds = sequences * each + bubble + optimizerSeconds;
  const hours = ((tokens / (batch * sequenceTokens)) * seconds) / 3600;
  return {
    seconds,
    forwardSeconds: sequences * F,
    backwardSeconds: sequences * B,
    linkSeconds: sequences * exposed,
    bubbleSeconds: bubble,
    optimizerSeconds,
    chipHours: hours * count,
    days: hours / 24,
    operationsPerSecondPerChip: (6 * activeParameters * batch * sequenceTokens) / (seconds * count),
  };

  function passOf({ model, recompute }: TrainingRequest) {
    const graphs = [model.prefill, ...(model.draft === undefined ? [] : [model.draft])];
    return graphs
      .map((graph) => passTimes(graph, chip, layout, sequenceTokens, recompute))
      .reduce((a, b) => ({
        forward: a.forward + b.forward,
        backward: a.backward + b.backward,
        weights: a.weights + b.weights,
        links: a.links + b.links,
      }));
  }
}

interface PassTimes {
  readonly forward: number;
  readonly backward: number;
  /** Of backward, gradients of weights. */
  readonly weights: number;
  /** Of one pass forward. */
  readonly links: number;
}

const ATTENTION_BACKWARD = 2.5;

function passTimes(
  graph: KernelGraph,
  chip: ChipModel,
  layout: Layout,
  T: number,
  recompute: TrainingRequest['recompute'],
): PassTimes {
  const dims = { B: 1, T, S: T };
  const shard = {
    ...{ tensor: layout.tensor, expert: layout.expert, dims },
    expertTensor: (layout.tensor * layout.data) / layout.expert,
    expertTokens: T * layout.data,
  };
  const times = { forward: 0, backward: 0, weights: 0 };
  for (const kernel of graph.kernels) {
    const seconds = kernel.count * kernelTime(kernel, shard, chip).seconds * headRows(kernel, T);
    const again = recompute === 'all' || (recompute === 'rows' && kernel.kind === 'rows');
    const factor = kernel.kind === 'attention' ? ATTENTION_BACKWARD : 2;
    times.forward += seconds;
    times.backward += seconds * (factor + (again ? 1 : 0));
    if (kernel.kind === 'product' || kernel.kind === 'experts') times.weights += seconds;
  }
  return { ...times, links: linkSeconds(graph, chip, { ...layout, pipeline: 1 }, dims) };
}

/** The head of a served model has one row; in training every token has. Its time then grows with rows. */
function headRows({ wide, op, nodes }: Kernel, tokens: number): number {
  const isHead = wide && op === 'linear' && nodes[0]!.type.shape[1] === 1;
  return isHead ? tokens / HEAD_ROWS_FREE : 1;
}

/** Rows of a product that its weights give time for: below it memory limits, above it arithmetic. */
const HEAD_ROWS_FREE = 256;

function scheduleOf(
  { pipeline, chip }: TrainingRequest,
  { F, B, W, links }: { F: number; B: number; W: number; links: number },
  stages: number,
): { each: number; bubble: number; exposed: number } {
  const both = F + B;
  if (pipeline === 'dualPipe') {
    const slowed = both / (1 - chip.efficiency.exchangeCores.value);
    const each = Math.max(slowed, links);
    const bubble = Math.max(0, (stages / 2 - 1) * (each + B - 3 * W));
    return { each, bubble, exposed: each - both };
  }
  const each = both + links;
  const saved = pipeline === 'zeroBubble' ? 2 * W : 0;
  return { each, bubble: (stages - 1) * Math.max(0, each - saved), exposed: links };
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
  const memory = chip.bandwidthBytesPerSecond * chip.efficiency.memory.value;
  return moved / network.outsideBytesPerSecond + (held * OPTIMIZER_BYTES) / sharing / memory;
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
