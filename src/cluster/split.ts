/**
 * The search for two pools: prompts on some chips, tokens on others, which may be of another kind. Closed
 * forms judge all pairs of pools; the best are then simulated.
 */
import type { ChipModel } from '../cost/index.ts';
import { ranksOf, type Layout } from './layout.ts';
import { memoryPerChip, mostSequences } from './memory.ts';
import {
  layoutsOf,
  loadOf,
  missedTarget,
  MOST_SIMULATED,
  reasonAgainst,
  ROUNDS,
  type Targets,
} from './search.ts';
import type { ServedModel } from './servedModel.ts';
import {
  CHUNK_TOKENS,
  poolChips,
  readStep,
  serveDisaggregated,
  writeStep,
  type Pool,
  type Serving,
  type Speculation,
  type Workload,
} from './serving.ts';
import { closedArrivals, timesOf } from './simulate.ts';
import { simulateSplit } from './simulateSplit.ts';
import { limitOf } from './step.ts';

export interface ChipPool {
  readonly chip: ChipModel;
  readonly count: number;
}

export interface SplitRequest {
  readonly model: ServedModel;
  readonly read: ChipPool;
  readonly write: ChipPool;
  readonly workload: Workload;
  readonly targets: Targets;
  readonly speculation?: Speculation | undefined;
}

export interface SplitPlan {
  readonly read: Pool;
  readonly write: Pool;
  readonly serving: Serving;
  readonly memoryBytes: { readonly read: number; readonly write: number };
  readonly limitedBy: string;
  readonly missed: ReturnType<typeof missedTarget>;
}

/** Candidates of each pool that are put together with those of the other. */
const KEPT = 6;
const REPORTED = 5;

/** The best first, as with plans of one pool. */
export function searchSplit(request: SplitRequest): SplitPlan[] {
  const { model, workload, speculation } = request;
  const reads = kept(poolsOf(request, request.read, readSequences), (pool) => {
    const { seconds } = readStep(model, pool.replica, workload.input, pool.sequences);
    return seconds / (pool.sequences * pool.replica.layout.data * pool.replicas);
  });
  const writes = kept(poolsOf(request, request.write, writeSequences), (pool) => {
    const { sequences, replica } = pool;
    const { seconds, tokens } = writeStep(model, replica, workload, sequences, speculation);
    return seconds / tokens / Math.min(workload.concurrency, placesOf(pool));
  });
  const plans = reads.flatMap((read) => writes.map((write) => splitPlan(request, read, write)));
  const best = plans.toSorted(better).slice(0, REPORTED);
  return best.map((plan) => simulated(plan, request)).toSorted(better);
}

function better(a: SplitPlan, b: SplitPlan): number {
  const factor = ({ missed }: SplitPlan): number => missed?.factor ?? 1;
  const rate = ({ serving }: SplitPlan): number => serving.tokensPerSecondPerChip;
  return factor(a) - factor(b) || rate(b) - rate(a);
}

/** As benchmarks do it; more requests at once keep the closed forms. */
function simulated(plan: SplitPlan, request: SplitRequest): SplitPlan {
  const { model, workload, targets, speculation } = request;
  const { concurrency } = workload;
  if (concurrency > MOST_SIMULATED) return plan;
  const { read, write } = plan;
  const arrivals = closedArrivals(workload, concurrency, ROUNDS * concurrency);
  const server = { model, read, write, speculation };
  const { ttft, tpot, tokensPerSecond } = timesOf(simulateSplit(server, arrivals));
  const serving = {
    ...plan.serving,
    ttftSeconds: ttft.mean,
    tpotSeconds: tpot.mean,
    tokensPerSecondPerChip: tokensPerSecond / (poolChips(read) + poolChips(write)),
  };
  return { ...plan, serving, missed: missedTarget(ttft.mean, tpot.mean, targets) };
}

function kept(pools: readonly Pool[], cost: (pool: Pool) => number): Pool[] {
  const costs = new Map(pools.map((pool) => [pool, cost(pool)]));
  return pools.toSorted((a, b) => costs.get(a)! - costs.get(b)!).slice(0, KEPT);
}

function placesOf({ sequences, replica, replicas }: Pool): number {
  return sequences * replica.layout.data * replicas;
}

type Sequences = (
  request: SplitRequest,
  chip: ChipModel,
  layout: Layout,
  replicas: number,
) => number;

/** As many prompts as a chunk of tokens holds. */
const readSequences: Sequences = ({ workload }) =>
  Math.max(1, Math.floor(CHUNK_TOKENS / workload.input));

/** The share of a group, as far as memory goes. */
const writeSequences: Sequences = ({ model, workload }, chip, layout, replicas) => {
  const asked = Math.ceil(workload.concurrency / (replicas * layout.data));
  return Math.min(asked, mostSequences(model, layout, chip, loadOf(workload)));
};

function poolsOf(request: SplitRequest, { chip, count }: ChipPool, sequences: Sequences): Pool[] {
  const devices = count * chip.devices;
  return layoutsOf(devices)
    .filter(
      (layout) =>
        reasonAgainst(layout, { ...request, chip, count, schedule: 'turns' }) === undefined,
    )
    .flatMap((layout) => {
      const replicas = Math.floor(devices / ranksOf(layout));
      const each = sequences(request, chip, layout, replicas);
      const overlaps = layout.data > 1 && layout.expert > 1; // taken only where it is faster
      const replica = { chip, layout, overlap: overlaps };
      return each < 1 ? [] : [{ replica, replicas, sequences: each }];
    });
}

function splitPlan(
  { model, workload, targets, speculation }: SplitRequest,
  read: Pool,
  write: Pool,
): SplitPlan {
  const serving = serveDisaggregated(model, { read, write }, workload, speculation);
  const bytes = ({ replica, sequences }: Pool): number =>
    memoryPerChip(model, replica.layout, replica.chip, { ...loadOf(workload), sequences })
      .totalBytes;
  const written = serving.tokensPerSecondPerChip * (poolChips(read) + poolChips(write));
  const writable = Math.min(placesOf(write), workload.concurrency) / serving.tpotSeconds;
  return {
    ...{ read, write, serving },
    memoryBytes: { read: bytes(read), write: bytes(write) },
    limitedBy: written < 0.999 * writable ? 'prompts' : limitOf(serving.step.parts),
    missed: missedTarget(serving.ttftSeconds, serving.tpotSeconds, targets),
  };
}
