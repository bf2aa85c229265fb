/**
 * The time of one step of a replica: its kernels one after the other, the meetings of its ranks between
 * them.
 *
 * A replica of several stages works on as many batches at once; the time is that of one batch through
 * all stages. With two half batches in turn [1] every kernel runs twice, and each exchange hides behind
 * kernels of the other half, as far as these last: of a layer with attention and dense products A,
 * dispatch D, experts E, combine C two halves take
 *
 *   max(A, C) + max(A, D) + max(E, D) + max(E, C)
 *
 * [1] DeepSeek-V3/R1 inference system overview, https://github.com/deepseek-ai/open-infra-index
 */
import {
  kernelTime,
  MOST_CHECKED,
  ROW_BYTES,
  type ChipModel,
  type KernelGraph,
  type Meeting,
} from '../cost/index.ts';
import type { Dims } from '../ir/index.ts';
import {
  exchangeOf,
  networkOf,
  NO_EXCHANGE,
  passSeconds,
  sumSeconds,
  type Exchange,
} from './collectives.ts';
import { ranksOf, expertTensorOf, type Layout } from './layout.ts';

/** What a step waits for, in seconds. */
export interface StepParts {
  readonly memory: number;
  readonly arithmetic: number;
  readonly launches: number;
  readonly links: number;
}

export interface StepTime {
  readonly seconds: number;
  readonly parts: StepParts;
}

/** What a replica runs on. */
export interface Replica {
  readonly chip: ChipModel;
  readonly layout: Layout;
  /** Two half batches in turn, where that is faster. */
  readonly overlap?: boolean;
}

/**
 * Rows of the fullest rank over those of uniform choices, experts placed by their load of before (EPLB).
 * CloudMatrix reads 18 % more prompt tokens a second with loads made equal [2]; here that takes 1.46. No
 * load by itself was read. Between 1 and 1.5 the median errors of docs/performance.md hardly move.
 *
 * [2] https://arxiv.org/abs/2506.12708 (5655 and, projected, 6688 tokens/s; EP32)
 */
const SERVED_SKEW = 1.46;

/** One step; `dims.B` sequences in each group of `layout.data`, at once in a stage. */
export function stepTime(graph: KernelGraph, replica: Replica, dims: Dims): StepTime {
  const plain = plainStep(graph, replica, dims);
  if (!replica.overlap || dims.B < 2) return plain;
  const halves = halfSteps(graph, replica, { ...dims, B: dims.B / 2 });
  return halves.seconds < plain.seconds ? halves : plain;
}

/** Two half batches; the cores that move data of prompts meanwhile compute nothing. */
function halfSteps(graph: KernelGraph, replica: Replica, dims: Dims): StepTime {
  const { chip, layout } = replica;
  const cores = isDirect(dims) ? 0 : chip.efficiency.exchangeCores.value;
  const work = workOf(graph, replica, dims);
  const { exchange, others } = linksOf(graph, chip, layout, dims, SERVED_SKEW);
  const slowed = (part: KernelParts): KernelParts => ({
    ...part,
    arithmetic: part.arithmetic / (1 - cores),
  });
  const [rest, experts] = [slowed(work.rest), slowed(work.experts)];
  const [A, E] = [sumOf(rest) + others, sumOf(experts)];
  const { dispatchSeconds: D, combineSeconds: C } = exchange;
  const seconds = Math.max(A, C) + Math.max(A, D) + Math.max(E, D) + Math.max(E, C);
  const twice = (part: keyof KernelParts): number => 2 * (rest[part] + experts[part]);
  return {
    seconds,
    parts: {
      memory: twice('memory'),
      arithmetic: twice('arithmetic'),
      launches: twice('launches'),
      links: seconds - 2 * (sumOf(rest) + sumOf(experts)),
    },
  };
}

function plainStep(graph: KernelGraph, replica: Replica, dims: Dims): StepTime {
  const { rest, experts } = workOf(graph, replica, dims);
  const parts = {
    memory: rest.memory + experts.memory,
    arithmetic: rest.arithmetic + experts.arithmetic,
    launches: rest.launches + experts.launches,
    links: linkSeconds(graph, replica.chip, replica.layout, dims, SERVED_SKEW),
  };
  return { seconds: sumOf(parts) + parts.links, parts };
}

type KernelParts = Omit<StepParts, 'links'>;

function sumOf({ memory, arithmetic, launches }: KernelParts): number {
  return memory + arithmetic + launches;
}

/** The kernels of experts, and the rest. */
function workOf(
  graph: KernelGraph,
  { chip, layout }: Replica,
  dims: Dims,
): { readonly rest: KernelParts; readonly experts: KernelParts } {
  const shard = {
    tensor: layout.tensor,
    expert: layout.expert,
    expertTensor: expertTensorOf(layout),
    dims,
    expertTokens: dims.B * dims.T * layout.data,
    skew: SERVED_SKEW,
  };
  const work = {
    rest: { memory: 0, arithmetic: 0, launches: 0 },
    experts: { memory: 0, arithmetic: 0, launches: 0 },
  };
  for (const kernel of graph.kernels) {
    const parts = kernel.kind === 'experts' ? work.experts : work.rest;
    const time = kernelTime(kernel, shard, chip);
    const { memorySeconds, arithmeticSeconds } = time;
    parts.launches += kernel.count * time.launchSeconds;
    parts.memory += kernel.count * time.besideSeconds;
    if (memorySeconds >= arithmeticSeconds) parts.memory += kernel.count * memorySeconds;
    else parts.arithmetic += kernel.count * arithmeticSeconds;
  }
  return work;
}

/** Steps that write send directly (collectives.ts). */
function isDirect({ T }: Dims): boolean {
  return (T as number) <= MOST_CHECKED;
}

/** Exchanges of experts, sums and passes of a step, in seconds. */
export function linkSeconds(
  graph: KernelGraph,
  chip: ChipModel,
  layout: Layout,
  dims: Dims,
  skew: number,
): number {
  const { exchange, others } = linksOf(graph, chip, layout, dims, skew);
  return exchange.dispatchSeconds + exchange.combineSeconds + others;
}

interface Links {
  readonly exchange: Exchange;
  /** Sums and passes. */
  readonly others: number;
}

function linksOf(
  { meetings, width }: KernelGraph,
  chip: ChipModel,
  layout: Layout,
  dims: Dims,
  skew: number,
): Links {
  const network = networkOf(chip);
  const passed = dims.B * dims.T * width * ROW_BYTES;
  const leaves = ranksOf(layout) > network.domain;
  const passes = (layout.pipeline - 1) * passSeconds(passed, leaves, network);
  const all = meetings.map((meeting) => {
    const { exchange, others } = linksAt(meeting, chip, layout, dims, skew);
    const { dispatchSeconds, combineSeconds } = exchange;
    return [dispatchSeconds, combineSeconds, others].map((each) => each * meeting.count);
  });
  const sum = (i: number): number => all.reduce((total, each) => total + each[i]!, 0);
  return {
    exchange: { dispatchSeconds: sum(0), combineSeconds: sum(1) },
    others: sum(2) + (layout.pipeline === 1 ? 0 : passes),
  };
}

function linksAt(
  meeting: Meeting,
  chip: ChipModel,
  { tensor, data, expert }: Layout,
  dims: Dims,
  skew: number,
): Links {
  const network = networkOf(chip);
  const tokens = dims.B * (meeting.last ? 1 : dims.T);
  const bytes = tokens * meeting.width * ROW_BYTES;
  if (meeting.kind === 'sum' || data === 1) {
    return { exchange: NO_EXCHANGE, others: sumSeconds(bytes, tensor, network) };
  }
  const ranks = tensor * data;
  if (expert === 1) {
    return { exchange: NO_EXCHANGE, others: sumSeconds(bytes * data, ranks, network) };
  }
  const sent = {
    ...{ tokens: tokens / tensor, ranks, direct: isDirect(dims), skew },
    dispatchBytes: Math.min(ROW_BYTES, chip.precision.linear.bytesPerWeight),
  };
  return {
    exchange: exchangeOf(meeting, sent, network),
    others: sumSeconds(bytes, tensor, network),
  };
}

/** What a step waits for most. */
export function limitOf({ memory, arithmetic, launches, links }: StepParts): string {
  const named = [
    ['memory bandwidth', memory],
    ['arithmetic', arithmetic],
    ['kernel launches', launches],
    ['links', links],
  ] as const;
  return named.toSorted(([, a], [, b]) => b - a)[0]![0];
}
