/** Whether weights, state and buffers fit, with every number that the answer comes from. */
import type { ModelFacts } from './facts.ts';
import { ranksOf, type Layout } from '../cluster/index.ts';
import { FORMAT_BYTES, stateShare } from '../cost/index.ts';
import { usualLayout } from './layout.ts';
import { GROUPS, type Formats } from './precision.ts';

export interface Demand {
  readonly contextTokens: number;
  readonly batch: number;
}

/** Bytes on the fullest device; a chip is one, or several (Accelerator.devices). */
export interface MemoryUse {
  readonly weightBytes: number;
  readonly stateBytes: number;
  readonly bufferBytes: number;
  readonly totalBytes: number;
}

/** Tokens of a step: what serving systems cut prompts into. */
export const STEP_TOKENS = 4096;

/**
 * Share of a chip's memory that is used, the rest being the runtime's: vLLM's default
 * gpu_memory_utilization, docs.vllm.ai, engine arguments.
 */
export const USABLE_SHARE = 0.9;

/** Bytes of all weights in these formats, once. */
export function weightBytes({ groups }: ModelFacts, formats: Formats): number {
  return GROUPS.reduce((sum, group) => sum + groups[group] * FORMAT_BYTES[formats[group]], 0);
}

/**
 * Weights: routed experts over ep (or tp), everything else over tp, and both over stages by whole layers.
 * State: of the sequences of a replica, each state split as far as it has parts. Buffers: operands and
 * results of the largest operator for a step in bf16, and logits of the batch in f32. An estimate
 * from shapes: allocators, communication and graphs are in the share that is left.
 */
export function memoryUse(
  facts: ModelFacts,
  formats: Formats,
  layout: Layout,
  { contextTokens, batch }: Demand,
): MemoryUse {
  const { tensor: tp, pipeline: pp, data: dp, expert: ep } = layout;
  const stage = Math.ceil(facts.layers / pp) / facts.layers;
  const share = {
    experts: 1 / (ep > 1 ? ep : tp),
    matrices: 1 / tp,
    ngrams: 1 / tp,
    embeddings: 1 / tp,
    vectors: 1,
  };
  const shapes = GROUPS.reduce(
    (sum, group) => sum + facts.groups[group] * FORMAT_BYTES[formats[group]] * share[group] * stage,
    0,
  );
  const sequences = Math.ceil(batch / dp);
  const { perToken, perSequence } = stateShare(facts.states, tp);
  const state = (perToken * contextTokens + perSequence) * stage;
  const tokens = Math.min(STEP_TOKENS, contextTokens * sequences);
  const buffers = tokens * facts.widestBytesPerToken + (4 * sequences * facts.vocabulary) / tp;
  return {
    weightBytes: Math.ceil(shapes),
    stateBytes: Math.ceil(state * sequences),
    bufferBytes: Math.ceil(buffers),
    totalBytes: Math.ceil(shapes) + Math.ceil(state * sequences) + Math.ceil(buffers),
  };
}

/** Chips that are tried, in turn. */
const COUNTS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** A number of chips on which the model fits, in the usual layout. */
export interface Fit {
  readonly count: number;
  readonly layout: Layout;
  readonly memory: MemoryUse;
}

/** What a device has for a model, the devices of a chip, and those of a domain. */
export interface Room {
  readonly usableBytes: number;
  readonly devices: number;
  readonly domain: number;
}

/** The smallest of the usual numbers of chips that is enough; undefined when not even 1024 are. */
export function smallestFit(
  facts: ModelFacts,
  formats: Formats,
  demand: Demand,
  { usableBytes, devices, domain }: Room,
): Fit | undefined {
  for (const count of COUNTS) {
    const layout = usualLayout(facts, count * devices, domain);
    const memory = memoryUse(facts, formats, layout, demand);
    if (memory.totalBytes <= usableBytes) return { count, layout, memory };
  }
  return undefined;
}

/** The largest value from 1 to `most` that `fits`, which must hold for all below it too; 0 when none does. */
export function largestThat(most: number, fits: (value: number) => boolean): number {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What to change so that it fits on the same chips: less context, or a smaller batch. */
export function settingsThatFit(
  facts: ModelFacts,
  formats: Formats,
  layout: Layout,
  { contextTokens, batch }: Demand,
  usableBytes: number,
): { readonly contextTokens: number; readonly batch: number } {
  const fits = (demand: Demand): boolean =>
    memoryUse(facts, formats, layout, demand).totalBytes <= usableBytes;
  return {
    contextTokens: largestThat(facts.contextTokens, (tokens) =>
      fits({ contextTokens: tokens, batch }),
    ),
    batch: largestThat(2 ** 20 * ranksOf(layout), (sequences) =>
      fits({ contextTokens, batch: sequences }),
    ),
  };
}
