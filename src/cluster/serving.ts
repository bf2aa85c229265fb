/**
 * What users of a replica wait for, in the steady state of a fixed number of requests.
 *
 * Aggregated: prompts and tokens take turns on the same chips, prompts first. In the life of a request of
 * O tokens each of the other b−1 sequences of its group ends and is replaced once:
 *
 *   TPOT = step + (b−1)·prompt / O          TTFT = step/2 + prompt·(1 + ρ/(2(1−ρ)))
 *
 * ρ: the share of time on prompts; the wait is that of an M/D/1 queue [1]. Disaggregated: prompts have
 * chips of their own, TPOT is the step alone, and state moves between them.
 *
 * [1] Kleinrock: Queueing Systems, volume 1, 1975, section 5.6
 */
import type { ChipModel, KernelGraph } from '../cost/index.ts';
import type { Dims } from '../ir/index.ts';
import { networkOf } from './collectives.ts';
import { ranksOf } from './layout.ts';
import { stateBytesPerSequence } from './memory.ts';
import type { ServedModel } from './servedModel.ts';
import { stepTime, type Replica, type StepParts, type StepTime } from './step.ts';

/** Tokens of each request, and requests at once. */
export interface Workload {
  readonly input: number;
  readonly output: number;
  readonly concurrency: number;
}

export interface Speculation {
  /** Share of drafts that are accepted. */
  readonly acceptance: number;
}

export interface Serving {
  readonly ttftSeconds: number;
  readonly tpotSeconds: number;
  /** Written tokens of a chip a second, of all chips that serve. */
  readonly tokensPerSecondPerChip: number;
  /** Sequences of a replica that write at once. */
  readonly batch: number;
  readonly step: StepTime;
  readonly prompt: StepTime;
}

/** Prompt tokens of one step at most; longer prompts take several. */
export const CHUNK_TOKENS = 8192;

/** One token for each of `sequences` of a group, in the middle of writing. */
export function writeStep(
  model: ServedModel,
  replica: Replica,
  { input, output }: Pick<Workload, 'input' | 'output'>,
  sequences: number,
  speculation?: Speculation,
): StepTime & { readonly tokens: number } {
  const S = Math.round(input + output / 2);
  const B = Math.max(1, sequences / replica.layout.pipeline);
  if (speculation === undefined || model.draft === undefined) {
    return { ...forward(model.decode, replica, { B, T: 1, S }), tokens: 1 };
  }
  const checked = forward(model.decode, replica, { B, T: 2, S });
  const drafted = stepTime(model.draft, replica, { B, T: 1, S });
  return { ...addSteps([checked, drafted]), tokens: 1 + speculation.acceptance };
}

/** A step with what happens until the next can start. */
function forward(graph: KernelGraph, replica: Replica, dims: Dims): StepTime {
  const { seconds, parts } = stepTime(graph, replica, dims);
  const between = replica.chip.efficiency.stepSeconds.value;
  return { seconds: seconds + between, parts: { ...parts, launches: parts.launches + between } };
}

/** `prompts` of each group read at once. */
export function readStep(
  model: ServedModel,
  replica: Replica,
  input: number,
  prompts: number,
): StepTime {
  const chunks = Math.ceil((input * prompts) / CHUNK_TOKENS);
  if (chunks === 1) return forward(model.prefill, replica, { B: prompts, T: input, S: input });
  const together = Math.max(1, Math.floor(CHUNK_TOKENS / input));
  if (together > 1) {
    const step = forward(model.prefill, replica, { B: together, T: input, S: input });
    return scaled(step, prompts / together);
  }
  const parts = Array.from({ length: Math.ceil(input / CHUNK_TOKENS) }, (_, i) => {
    const S = Math.min(input, (i + 1) * CHUNK_TOKENS);
    return forward(model.prefill, replica, { B: 1, T: S - i * CHUNK_TOKENS, S });
  });
  return scaled(addSteps(parts), prompts);
}

export function addSteps(steps: readonly StepTime[]): StepTime {
  const sum = (part: keyof StepParts): number =>
    steps.reduce((total, { parts }) => total + parts[part], 0);
  return {
    seconds: steps.reduce((total, { seconds }) => total + seconds, 0),
    parts: {
      memory: sum('memory'),
      arithmetic: sum('arithmetic'),
      launches: sum('launches'),
      links: sum('links'),
    },
  };
}

/** A step so many times over. */
export function scaled({ seconds, parts }: StepTime, factor: number): StepTime {
  return {
    seconds: seconds * factor,
    parts: {
      memory: parts.memory * factor,
      arithmetic: parts.arithmetic * factor,
      launches: parts.launches * factor,
      links: parts.links * factor,
    },
  };
}

/** `batch` sequences on one replica, prompts and tokens in turn. */
export function serveAggregated(
  model: ServedModel,
  replica: Replica,
  workload: Workload,
  batch: number,
  speculation?: Speculation,
): Serving {
  const { layout } = replica;
  const sequences = batch / layout.data;
  const { tokens, ...step } = writeStep(model, replica, workload, sequences, speculation);
  const prompt = promptOf(model, replica, workload, sequences);
  const write = step.seconds / tokens;
  const others = Math.max(0, sequences - 1);
  const tpotSeconds = write + (others * prompt.seconds) / workload.output;
  const busy =
    (sequences * prompt.seconds) / (workload.output * write + sequences * prompt.seconds);
  const waited = sequences <= 1 ? 0 : busy / (2 * (1 - busy));
  const residual = sequences <= 1 ? 0 : step.seconds / 2;
  const ttftSeconds = residual + prompt.seconds * (1 + waited);
  const life = ttftSeconds + (workload.output - 1) * tpotSeconds;
  const chips = ranksOf(layout) / replica.chip.devices;
  const tokensPerSecondPerChip = (batch * workload.output) / life / chips;
  return { ttftSeconds, tpotSeconds, tokensPerSecondPerChip, batch, step, prompt };
}

/** One prompt of those that come in the time of a step, which are read together as far as a chunk holds them. */
function promptOf(
  model: ServedModel,
  replica: Replica,
  { input, output }: Workload,
  sequences: number,
): StepTime {
  const together = Math.min(Math.floor(sequences / output), Math.floor(CHUNK_TOKENS / input));
  if (together <= 1) return readStep(model, replica, input, 1);
  return scaled(readStep(model, replica, input, together), 1 / together);
}

/** Chips that read prompts or write tokens: replicas with so many sequences in each group. */
export interface Pool {
  readonly replica: Replica;
  readonly replicas: number;
  /** Sequences of a group: prompts read together, or sequences that write. */
  readonly sequences: number;
}

/** Prompts on one pool, tokens on another, perhaps of other chips. */
export function serveDisaggregated(
  model: ServedModel,
  { read, write }: { readonly read: Pool; readonly write: Pool },
  workload: Workload,
  speculation?: Speculation,
): Serving {
  const { input, output, concurrency } = workload;
  const prompt = readStep(model, read.replica, input, read.sequences);
  const { tokens, ...step } = writeStep(
    model,
    write.replica,
    workload,
    write.sequences,
    speculation,
  );
  const tpotSeconds = step.seconds / tokens;
  const moved = transferSeconds(model, read, write, input);
  const perRound = read.sequences * read.replica.layout.data * read.replicas;
  const readable = perRound / prompt.seconds; // prompts a second, at most
  const writing = write.sequences * write.replica.layout.data * write.replicas;
  const writable = Math.min(writing, concurrency) / (output * tpotSeconds);
  const offered = Math.min(readable, writable);
  const waited =
    concurrency <= perRound
      ? 0
      : waitSeconds(
          prompt.seconds,
          offered / readable,
          concurrency / offered - output * tpotSeconds,
        );
  const ttftSeconds = prompt.seconds + waited + moved + step.seconds / 2;
  const chips = poolChips(read) + poolChips(write);
  const tokensPerSecondPerChip = (offered * output) / chips;
  const batch = write.sequences * write.replica.layout.data;
  return { ttftSeconds, tpotSeconds, tokensPerSecondPerChip, batch, step, prompt };
}

export function poolChips({ replica, replicas }: Pool): number {
  return (ranksOf(replica.layout) * replicas) / replica.chip.devices;
}

/**
 * The wait before a prompt is read, of a pool that is `busy` for this share of the time: that of an M/D/1
 * queue, but never more than what requests that are not writing wait in all, by Little's law.
 */
function waitSeconds(promptSeconds: number, busy: number, notWriting: number): number {
  const most = Math.max(0, notWriting - promptSeconds);
  return busy >= 1 ? most : Math.min(most, (promptSeconds * busy) / (2 * (1 - busy)));
}

/** The state of one prompt from the chips that read it to those that go on. */
export function transferSeconds(
  model: ServedModel,
  read: Pool,
  write: Pool,
  input: number,
): number {
  const state = (chip: ChipModel): number => {
    const one = { tensor: 1, pipeline: 1, data: 1, expert: 1 };
    const { perToken, perSequence } = stateBytesPerSequence(model.decode, one, chip.precision);
    return perToken * input + perSequence;
  };
  const rate = ({ replica }: Pool): number =>
    networkOf(replica.chip).outsideBytesPerSecond * replica.layout.tensor;
  return state(write.replica.chip) / Math.min(rate(read), rate(write));
}
