/**
 * The search for plans: every layout of a replica on so many chips, judged by closed forms; the best are
 * then simulated, so that what is reported is what requests would see.
 */
import type { ChipModel } from '../cost/index.ts';
import { ranksOf, layoutToString, type Layout } from './layout.ts';
import { memoryPerChip, mostSequences, type ChipMemory } from './memory.ts';
import type { ServedModel } from './servedModel.ts';
import {
  addSteps,
  CHUNK_TOKENS,
  scaled,
  serveAggregated,
  type Speculation,
  type Workload,
} from './serving.ts';
import { closedArrivals, simulate, timesOf, type Schedule } from './simulate.ts';
import { limitOf, type Replica } from './step.ts';

export interface Targets {
  readonly ttftSeconds: number | undefined;
  readonly tpotSeconds: number | undefined;
}

export interface PlanRequest {
  readonly model: ServedModel;
  readonly chip: ChipModel;
  readonly count: number;
  readonly workload: Workload;
  readonly targets: Targets;
  readonly schedule: Schedule;
  readonly speculation?: Speculation | undefined;
  /** Only this layout. */
  readonly layout?: Layout | undefined;
}

export interface Plan {
  readonly layout: Layout;
  readonly replicas: number;
  /** Sequences of a replica that write at once. */
  readonly batch: number;
  /** Half batches in turn hide exchanges. */
  readonly overlap: boolean;
  readonly ttftSeconds: number;
  readonly tpotSeconds: number;
  readonly tokensPerSecondPerChip: number;
  readonly memory: ChipMemory;
  readonly limitedBy: string;
  /** The target that is missed most, and by which factor. */
  readonly missed: { readonly target: 'ttft' | 'tpot'; readonly factor: number } | undefined;
}

export interface Rejected {
  readonly layout: Layout;
  readonly reason: string;
}

export interface PlanResult {
  /** Best first: those that meet the targets, by throughput; then the others, the closest first. */
  readonly plans: readonly Plan[];
  readonly rejected: readonly Rejected[];
}

/** Plans that are simulated and reported. */
const REPORTED = 5;

export function searchPlans(
  request: PlanRequest,
  progress: (done: number, all: number) => void = () => {},
): PlanResult {
  const layouts = request.layout ? [request.layout] : layoutsOf(devicesOf(request));
  const rejected: Rejected[] = [];
  const candidates: Plan[] = [];
  layouts.forEach((layout, i) => {
    progress(i, layouts.length);
    const reason = reasonAgainst(layout, request);
    if (reason !== undefined) rejected.push({ layout, reason });
    else candidates.push(...plansOf(layout, request));
  });
  const best = distinct(candidates.toSorted(better)).slice(0, REPORTED);
  return { plans: best.map((plan) => simulated(plan, request)).toSorted(better), rejected };
}

/** What a rank may be, in all chips. */
function devicesOf({ chip, count }: Pick<PlanRequest, 'chip' | 'count'>): number {
  return count * chip.devices;
}

/** Layouts of at most `count` ranks whose extents are powers of two; experts whole or divided by all. */
export function layoutsOf(count: number): Layout[] {
  const powers = Array.from({ length: Math.floor(Math.log2(count)) + 1 }, (_, i) => 2 ** i);
  return powers
    .flatMap((tensor) => powers.map((pipeline) => [tensor, pipeline] as const))
    .flatMap(([tensor, pipeline]) => powers.map((data) => ({ tensor, pipeline, data })))
    .filter(({ tensor, pipeline, data }) => tensor * pipeline * data <= count)
    .flatMap((layout) => {
      const ranks = layout.tensor * layout.data;
      return [...new Set([1, layout.tensor, ranks])].map((expert) => ({ ...layout, expert }));
    });
}

/** Why a layout is out of the question; undefined when it is not. */
export function reasonAgainst(layout: Layout, request: PlanRequest): string | undefined {
  const { model, chip, workload } = request;
  const { tensor, pipeline, data, expert } = layout;
  const [ranks, devices] = [ranksOf(layout), devicesOf(request)];
  if (ranks > devices) return `needs ${ranks} ${deviceName(chip)}s of ${devices}`;
  const { experts, heads } = extentsOf(model);
  if (heads % tensor !== 0) return `tp=${tensor} does not divide ${heads} heads`;
  if ((tensor * data) % expert !== 0) return `ep=${expert} does not divide ${tensor * data} ranks`;
  if (experts === undefined && expert > 1) return 'the model has no experts to divide';
  if (experts === undefined && data > 1) return 'without experts dp is the same as replicas';
  if (experts !== undefined && experts % expert !== 0) {
    return `ep=${expert} does not divide ${experts} experts`;
  }
  if (pipeline > model.decode.layers)
    return `pp=${pipeline} is more than ${model.decode.layers} layers`;
  if (!request.layout && tensor > chip.domain)
    return `tp=${tensor} is more than the ${chip.domain} ${deviceName(chip)}s of a domain`;
  return reasonOfMemory(layout, request, workload);
}

/** What a rank has of a chip. */
export function deviceName({ devices }: ChipModel): 'chip' | 'die' {
  return devices === 1 ? 'chip' : 'die';
}

function reasonOfMemory(
  layout: Layout,
  { model, chip, layout: fixed }: PlanRequest,
  workload: Workload,
): string | undefined {
  if (mostSequences(model, layout, chip, loadOf(workload)) > 0 || fixed) return undefined;
  const load = { ...loadOf(workload), sequences: 1 };
  const { totalBytes, capacityBytes } = memoryPerChip(model, layout, chip, load);
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return `needs ${gib(totalBytes)} a ${deviceName(chip)} for one sequence, has ${gib(capacityBytes)}`;
}

export function loadOf({ input, output }: Workload): { context: number; stepTokens: number } {
  return { context: input + output, stepTokens: Math.min(input, CHUNK_TOKENS) };
}

/** The experts of a layer, where there are any, and the heads that tensor ranks divide. */
function extentsOf({ decode }: ServedModel): { experts: number | undefined; heads: number } {
  const experts = decode.kernels.find(({ kind }) => kind === 'experts');
  const heads = decode.kernels.flatMap(({ op, splits }) =>
    splits.flatMap((split) => (split.by === 'heads' && op !== 'headLinear' ? split.heads : [])),
  );
  return {
    experts: experts?.nodes[0]!.inputs[2]!.type.shape[0] as number | undefined,
    heads: Math.max(1, ...heads),
  };
}

/** With half batches in turn and without, at the batch that the workload asks for and memory allows. */
function plansOf(layout: Layout, request: PlanRequest): Plan[] {
  const { model, chip, workload } = request;
  const replicas = Math.max(1, Math.floor(devicesOf(request) / ranksOf(layout)));
  const most = mostSequences(model, layout, chip, loadOf(workload)) * layout.data;
  const asked = Math.ceil(workload.concurrency / replicas);
  const batch = request.layout ? asked : Math.min(asked, most);
  const exchanges = layout.data > 1 && layout.expert > 1;
  return (exchanges ? [false, true] : [false]).map((overlap) =>
    planOf({ chip, layout, overlap }, replicas, batch, request),
  );
}

function planOf(replica: Replica, replicas: number, batch: number, request: PlanRequest): Plan {
  const { model, chip, workload, speculation, targets } = request;
  const { layout, overlap = false } = replica;
  const serving = serveAggregated(model, replica, workload, batch, speculation);
  const sequences = Math.ceil(batch / layout.data);
  const tokens = speculation && model.draft ? 1 + speculation.acceptance : 1;
  const reading = scaled(serving.prompt, sequences);
  const writing = scaled(serving.step, workload.output / tokens);
  const { ttftSeconds, tpotSeconds, tokensPerSecondPerChip } = serving;
  return {
    ...{ layout, replicas, batch, overlap, ttftSeconds, tpotSeconds, tokensPerSecondPerChip },
    memory: memoryPerChip(model, layout, chip, { ...loadOf(workload), sequences }),
    limitedBy: limitOf(addSteps([reading, writing]).parts),
    missed: missedTarget(ttftSeconds, tpotSeconds, targets),
  };
}

export function missedTarget(ttft: number, tpot: number, targets: Targets): Plan['missed'] {
  const factors = [
    { target: 'ttft' as const, factor: ttft / (targets.ttftSeconds ?? Infinity) },
    { target: 'tpot' as const, factor: tpot / (targets.tpotSeconds ?? Infinity) },
  ];
  const [worst] = factors.toSorted((a, b) => b.factor - a.factor);
  return worst!.factor > 1 ? worst : undefined;
}

function better(a: Plan, b: Plan): number {
  const [missedA, missedB] = [a.missed?.factor ?? 1, b.missed?.factor ?? 1];
  return missedA - missedB || b.tokensPerSecondPerChip - a.tokensPerSecondPerChip;
}

/** Of a layout the better of its plans. */
function distinct(plans: readonly Plan[]): Plan[] {
  const known = new Set<string>();
  return plans.filter(({ layout }) => {
    const name = layoutToString(layout);
    if (known.has(name)) return false;
    known.add(name);
    return true;
  });
}

/** Rounds of requests that are simulated for each place: as benchmarks do. */
export const ROUNDS = 10;
/** Larger batches keep the closed forms: single requests hardly change what the others see. */
export const MOST_SIMULATED = 4096;

function simulated(
  plan: Plan,
  { model, chip, workload, targets, schedule, speculation }: PlanRequest,
): Plan {
  const { layout, overlap, batch } = plan;
  if (batch > MOST_SIMULATED) return plan;
  const server = { model, replica: { chip, layout, overlap }, batch, schedule, speculation };
  const arrivals = closedArrivals(workload, batch, ROUNDS * batch);
  const { ttft, tpot, tokensPerSecond } = timesOf(simulate(server, arrivals));
  return {
    ...plan,
    ttftSeconds: ttft.mean,
    tpotSeconds: tpot.mean,
    tokensPerSecondPerChip: (tokensPerSecond * chip.devices) / ranksOf(layout),
    missed: missedTarget(ttft.mean, tpot.mean, targets),
  };
}
