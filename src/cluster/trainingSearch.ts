/** The search for a layout to train in: every one that divides the chips evenly and fits in memory. */
import { rowElements, waysOf, type KernelGraph } from '../cost/index.ts';
import { ranksOf, type Layout } from './layout.ts';
import { weightBytesPerChip } from './memory.ts';
import { deviceName, layoutsOf, type Rejected } from './search.ts';
import {
  elementsHeld,
  isCheap,
  PIPELINES,
  RECOMPUTES,
  trainingStep,
  type TrainingRequest,
  type TrainingStep,
} from './training.ts';

export type TrainingBudget = Omit<TrainingRequest, 'layout' | 'pipeline' | 'recompute'> & {
  /** Of one token. */
  readonly activeParameters: number;
  /** Only this layout. */
  readonly layout?: Layout | undefined;
};

export interface TrainingPlan extends Pick<TrainingRequest, 'layout' | 'pipeline' | 'recompute'> {
  readonly step: TrainingStep;
  readonly memoryBytes: number;
  readonly limitedBy: string;
}

export interface TrainingResult {
  /** The fastest first. */
  readonly plans: readonly TrainingPlan[];
  readonly rejected: readonly Rejected[];
}

/** Ranks beyond these are never of use: they cross domains (tensor) or starve stages (pipeline). */
const MOST = { tensor: 8, pipeline: 16, data: 64 } as const;
const REPORTED = 5;

export function searchTraining(budget: TrainingBudget): TrainingResult {
  const rejected: Rejected[] = [];
  const layouts = budget.layout ? [budget.layout] : usefulLayouts(budget.count);
  const plans = layouts.flatMap((layout) => {
    const reason = reasonAgainst(layout, budget);
    if (reason !== undefined) {
      rejected.push({ layout, reason });
      return [];
    }
    const fitting = variantsOf(layout, budget);
    if (fitting.length === 0) rejected.push({ layout, reason: lackOf(layout, budget) });
    return fitting.toSorted((a, b) => a.step.seconds - b.step.seconds).slice(0, 1);
  });
  const best = plans.toSorted((a, b) => a.step.seconds - b.step.seconds);
  return { plans: best.slice(0, REPORTED), rejected };
}

function usefulLayouts(count: number): Layout[] {
  const most = Math.min(count, MOST.tensor * MOST.pipeline * MOST.data);
  return layoutsOf(most).filter(
    ({ tensor, pipeline, data, expert }) =>
      tensor <= MOST.tensor &&
      pipeline <= MOST.pipeline &&
      data <= MOST.data &&
      expert === data * tensor,
  );
}

function reasonAgainst(
  layout: Layout,
  { model, count, batch }: TrainingBudget,
): string | undefined {
  const group = ranksOf(layout);
  if (count % group !== 0) return `${group} ranks of a group do not divide ${count}`;
  const ranks = count / (layout.tensor * layout.pipeline);
  if (batch % ranks !== 0) return `${ranks} ranks do not divide a batch of ${batch} sequences`;
  const experts = model.prefill.kernels.find(({ kind }) => kind === 'experts');
  const held = experts?.nodes[0]!.inputs[2]!.type.shape[0] as number | undefined;
  if (held === undefined && layout.expert > 1) return 'the model has no experts to divide';
  if (held !== undefined && held % layout.expert !== 0) return `ep does not divide ${held} experts`;
  return undefined;
}

function variantsOf(layout: Layout, budget: TrainingBudget): TrainingPlan[] {
  return PIPELINES.flatMap((pipeline) => RECOMPUTES.map((recompute) => ({ pipeline, recompute })))
    .map(({ pipeline, recompute }) => {
      const request = { ...budget, layout, pipeline, recompute };
      const step = trainingStep(request, budget.activeParameters);
      const memoryBytes = trainingBytes(request);
      return { layout, pipeline, recompute, step, memoryBytes, limitedBy: limitOfStep(step) };
    })
    .filter(({ memoryBytes }) => memoryBytes <= budget.chip.capacityBytes);
}

function lackOf(layout: Layout, budget: TrainingBudget): string {
  const least = trainingBytes({ ...budget, layout, pipeline: '1f1b', recompute: 'all' });
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return `needs ${gib(least)} a ${deviceName(budget.chip)} with everything recomputed, has ${gib(budget.chip.capacityBytes)}`;
}

/** Bytes a weight: f32 gradient; f32 master and two bf16 moments, divided among ranks that share it. */
const GRADIENT_BYTES = 4;
const STATE_BYTES = 4 + 2 + 2;
const ROW_BYTES = 2;

/** Weights, gradients, optimizer state and rows kept for backward of as many sequences as stages. */
export function trainingBytes({ model, chip, layout, count, ...request }: TrainingRequest): number {
  const held = elementsHeld(model, chip, layout);
  const sharing = Math.max(1, count / ranksOf(layout));
  const weights = weightBytesPerChip(model.prefill, layout, chip.precision);
  const inFlight = layout.pipeline + (request.pipeline === 'dualPipe' ? 1 : 0);
  const copies = request.pipeline === 'dualPipe' ? 2 : 1; // both directions hold a stage [3 of training.ts]
  const rows = keptRows(model.prefill, layout, request) / layout.pipeline;
  return (
    copies * (weights + held * GRADIENT_BYTES) +
    (held * STATE_BYTES) / sharing +
    inFlight * rows * ROW_BYTES +
    chip.efficiency.reservedBytes.value
  );
}

/** Elements of rows that backward reads of one sequence. */
function keptRows(
  graph: KernelGraph,
  { tensor }: Layout,
  { recompute, sequenceTokens: T }: Pick<TrainingRequest, 'recompute' | 'sequenceTokens'>,
): number {
  if (recompute === 'all') return graph.layers * graph.width * T;
  const kept = graph.kernels.filter((kernel) => recompute === 'none' || !isCheap(kernel, graph));
  return kept.reduce((sum, { nodes, splits, count }) => {
    return sum + (count * rowElements(nodes, { B: 1, T })) / waysOf(splits[0]!, tensor);
  }, 0);
}

function limitOfStep(step: TrainingStep): string {
  const named = [
    ['kernels', step.forwardSeconds + step.backwardSeconds],
    ['links', step.linkSeconds],
    ['bubble', step.bubbleSeconds],
    ['optimizer', step.optimizerSeconds],
  ] as const;
  return named.toSorted(([, a], [, b]) => b - a)[0]![0];
}
