/**
 * The time of one step of a replica: its kernels one after the other, the meetings of its ranks between
 * them.
 *
 * A replica of several stages works on as many batches at once; the time is that of one batch through
 * all stages. With two half batches in turn the exchange of one hides behind the kernels of the other
 * [1], where every kernel runs twice.
 *
 * [1] DeepSeek-V3/R1 inference system overview, https://github.com/deepseek-ai/open-infra-index
 */
import { kernelTime, type ChipModel, type KernelGraph, type Meeting } from '../cost/index.ts';
import { type Dims } from '../ir/index.ts';
import { exchangeSeconds, networkOf, passSeconds, sumSeconds } from './collectives.ts';
import { chipsOf, expertTensorOf, type Layout } from './layout.ts';

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
  /** Two half batches in turn. */
  readonly overlap?: boolean;
}

/** Bytes of an element between layers. */
const ROW_BYTES = 2;

/** One step; `dims.B` sequences in each group of `layout.data`, at once in a stage. */
export function stepTime(graph: KernelGraph, replica: Replica, dims: Dims): StepTime {
  if (!replica.overlap || dims.B < 2) return plainStep(graph, replica, dims);
  const half = plainStep(graph, replica, { ...dims, B: dims.B / 2 });
  const kernels = half.seconds - half.parts.links;
  const hidden = 2 * Math.min(kernels, half.parts.links);
  return {
    seconds: 2 * half.seconds - hidden,
    parts: {
      memory: 2 * half.parts.memory,
      arithmetic: 2 * half.parts.arithmetic,
      launches: 2 * half.parts.launches,
      links: 2 * half.parts.links - hidden,
    },
  };
}

function plainStep(graph: KernelGraph, { chip, layout }: Replica, dims: Dims): StepTime {
  const shard = {
    tensor: layout.tensor,
    expert: layout.expert,
    expertTensor: expertTensorOf(layout),
    dims,
    expertTokens: dims.B * dims.T * layout.data,
  };
  const parts = {
    memory: 0,
    arithmetic: 0,
    launches: 0,
    links: linkSeconds(graph, chip, layout, dims),
  };
  for (const kernel of graph.kernels) {
    const { memorySeconds, arithmeticSeconds, launchSeconds } = kernelTime(kernel, shard, chip);
    parts.launches += kernel.count * launchSeconds;
    if (memorySeconds >= arithmeticSeconds) parts.memory += kernel.count * memorySeconds;
    else parts.arithmetic += kernel.count * arithmeticSeconds;
  }
  return { seconds: parts.memory + parts.arithmetic + parts.launches + parts.links, parts };
}

function linkSeconds(
  { meetings, width }: KernelGraph,
  chip: ChipModel,
  layout: Layout,
  dims: Dims,
): number {
  const network = networkOf(chip);
  const passed = dims.B * dims.T * width * ROW_BYTES;
  const leaves = chipsOf(layout) > network.domain;
  const passes = (layout.pipeline - 1) * passSeconds(passed, leaves, network);
  return meetings.reduce(
    (sum, meeting) => sum + meeting.count * meetingSeconds(meeting, chip, layout, dims),
    layout.pipeline === 1 ? 0 : passes,
  );
}

function meetingSeconds(
  meeting: Meeting,
  chip: ChipModel,
  { tensor, data, expert }: Layout,
  { B, T }: Dims,
): number {
  const network = networkOf(chip);
  const tokens = B * (meeting.last ? 1 : T);
  const bytes = tokens * meeting.width * ROW_BYTES;
  if (meeting.kind === 'sum' || data === 1) return sumSeconds(bytes, tensor, network);
  if (expert === 1) return sumSeconds(bytes * data, tensor * data, network);
  const dispatch = Math.min(ROW_BYTES, chip.precision.linear.bytesPerWeight);
  return (
    exchangeSeconds(tokens / tensor, meeting, tensor * data, dispatch, network) +
    sumSeconds(bytes, tensor, network)
  );
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
