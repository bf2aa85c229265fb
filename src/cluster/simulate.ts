/**
 * A replica under a stream of requests, event by event: continuous batching, as serving systems do it.
 *
 * The replica is always in one of two kinds of steps: it reads prompts that wait, as many as fit a chunk
 * of tokens, or writes one token for each sequence. `turns`: while prompts are read nothing is written
 * (SGLang); `mixed`: the sequences get their token in the same step (vLLM, TensorRT-LLM). Steps between
 * two events are taken at once.
 */
import { CHUNK_TOKENS, readStep, writeStep, type Speculation } from './serving.ts';
import type { ServedModel } from './servedModel.ts';
import { stepTime, type Replica } from './step.ts';

export const SCHEDULES = ['mixed', 'turns'] as const;
export type Schedule = (typeof SCHEDULES)[number];

export interface Request {
  readonly arrivalSeconds: number;
  readonly input: number;
  readonly output: number;
}

/** When a request came, had its first token, and its last. */
export interface Served {
  readonly request: Request;
  readonly firstSeconds: number;
  readonly lastSeconds: number;
}

export interface Server {
  readonly model: ServedModel;
  readonly replica: Replica;
  /** Sequences that write at once, at most. */
  readonly batch: number;
  readonly schedule: Schedule;
  readonly speculation?: Speculation | undefined;
}

/** Where requests come from: the next to come, told of every one that ended. */
export interface Arrivals {
  /** Undefined: none is known to come. */
  peek(): Request | undefined;
  take(): Request;
  ended(seconds: number): void;
}

/** Requests of a trace, in the order of arrival. */
export function openArrivals(requests: readonly Request[]): Arrivals {
  const queue = requests.toSorted((a, b) => a.arrivalSeconds - b.arrivalSeconds);
  let next = 0;
  return { peek: () => queue[next], take: () => queue[next++]!, ended: () => {} };
}

/** `total` equal requests, so many at once: as one ends another comes. What benchmarks do. */
export function closedArrivals(
  { input, output }: Pick<Request, 'input' | 'output'>,
  concurrency: number,
  total: number,
): Arrivals {
  const waiting: Request[] = Array.from({ length: Math.min(concurrency, total) }, () => ({
    arrivalSeconds: 0,
    ...{ input, output },
  }));
  let made = waiting.length;
  return {
    peek: () => waiting[0],
    take: () => waiting.shift()!,
    ended(arrivalSeconds) {
      if (made++ < total) waiting.push({ arrivalSeconds, input, output });
    },
  };
}

/** A request that is written. */
export interface Sequence {
  readonly request: Request;
  readonly firstSeconds: number;
  written: number;
}

/** Every request of `arrivals`, in the order in which they ended. */
export function simulate(server: Server, arrivals: Arrivals): Served[] {
  const costs = stepCosts(server);
  const served: Served[] = [];
  let active: Sequence[] = [];
  let now = 0;
  const finish = (): void => {
    const ended = active.filter(({ request, written }) => written >= request.output);
    if (ended.length === 0) return;
    active = active.filter(({ request, written }) => written < request.output);
    for (const { request, firstSeconds } of ended) {
      served.push({ request, firstSeconds, lastSeconds: now });
      arrivals.ended(now);
    }
  };
  for (;;) {
    const prompts = admit(arrivals, now, server, active.length);
    if (prompts.length > 0) {
      const mixed = server.schedule === 'mixed' ? active : [];
      now += costs.read(prompts, mixed);
      for (const sequence of mixed) sequence.written++;
      active.push(...prompts.map((request) => ({ request, firstSeconds: now, written: 1 })));
    } else if (active.length > 0) {
      now += writeUntilEvent(active, arrivals, server, now, costs);
    } else {
      const next = arrivals.peek();
      if (next === undefined) return served;
      now = Math.max(now, next.arrivalSeconds);
    }
    finish();
  }
}

/** Prompts that have come and fit: a chunk of tokens for each group, and the places that are free. */
function admit(
  arrivals: Arrivals,
  now: number,
  { batch, replica }: Server,
  active: number,
): Request[] {
  const prompts: Request[] = [];
  let tokens = CHUNK_TOKENS * replica.layout.data;
  for (let next = arrivals.peek(); next !== undefined; next = arrivals.peek()) {
    const isFull = active + prompts.length >= batch;
    if (isFull || next.arrivalSeconds > now) break;
    if (prompts.length > 0 && next.input > tokens) break;
    tokens -= next.input;
    prompts.push(arrivals.take());
  }
  return prompts;
}

/** Steps until a sequence ends or a request comes that has a place; returns the seconds they take. */
function writeUntilEvent(
  active: readonly Sequence[],
  arrivals: Arrivals,
  { batch }: Server,
  now: number,
  costs: StepCosts,
): number {
  const each = costs.write(active);
  const left = Math.min(...active.map(({ request, written }) => request.output - written));
  const next = active.length < batch ? arrivals.peek() : undefined;
  const until = next === undefined ? left : Math.ceil((next.arrivalSeconds - now) / each);
  const steps = Math.max(1, Math.min(left, until));
  for (const sequence of active) sequence.written += steps;
  return steps * each;
}

export interface StepCosts {
  read(prompts: readonly Request[], writing: readonly Sequence[]): number;
  /** Seconds for each token of a sequence. */
  write(active: readonly Sequence[]): number;
}

/** Contexts are told apart in steps of this share. */
const CONTEXT_STEP = 1.1;

export function stepCosts({
  model,
  replica,
  speculation,
}: Pick<Server, 'model' | 'replica' | 'speculation'>): StepCosts {
  const { data } = replica.layout;
  const writes = memoized((sequences: number, context: number) => {
    const lengths = { input: context, output: 0 };
    const { seconds, tokens } = writeStep(model, replica, lengths, sequences, speculation);
    return seconds / tokens;
  });
  const contexts = memoized((sequences: number, context: number) => {
    const at = (S: number): number =>
      stepTime(model.decode, replica, { B: sequences, T: 1, S }).seconds;
    return at(context) - at(1);
  });
  const reads = memoized(
    (prompts: number, input: number) => readStep(model, replica, input, prompts).seconds,
  );
  return {
    read: (prompts, writing) => {
      const input = Math.round(mean(prompts.map((prompt) => prompt.input)));
      const read = reads(Math.ceil(prompts.length / data), input);
      if (writing.length === 0) return read;
      return read + contexts(writing.length / data, bucketOf(writing));
    },
    write: (active) => writes(active.length / data, bucketOf(active)),
  };
}

/** The mean context of sequences, rounded to a step of its size. */
function bucketOf(sequences: readonly Sequence[]): number {
  const context = mean(sequences.map(({ request, written }) => request.input + written));
  return Math.round(CONTEXT_STEP ** Math.round(Math.log(context) / Math.log(CONTEXT_STEP)));
}

function memoized(compute: (a: number, b: number) => number): (a: number, b: number) => number {
  const known = new Map<string, number>();
  return (a, b) => {
    const key = `${a} ${b}`;
    const found = known.get(key) ?? compute(a, b);
    known.set(key, found);
    return found;
  };
}

/** Times of all requests: means and percentiles, in seconds. */
export interface ServedTimes {
  readonly requests: number;
  readonly ttft: Distribution;
  readonly tpot: Distribution;
  /** Written tokens a second of the replica, from the first arrival to the last token. */
  readonly tokensPerSecond: number;
}

export interface Distribution {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

export function timesOf(served: readonly Served[]): ServedTimes {
  const ttft = served.map(({ request, firstSeconds }) => firstSeconds - request.arrivalSeconds);
  const tpot = served
    .filter(({ request }) => request.output > 1)
    .map(
      ({ request, firstSeconds, lastSeconds }) =>
        (lastSeconds - firstSeconds) / (request.output - 1),
    );
  const written = served.reduce((sum, { request }) => sum + request.output, 0);
  const first = Math.min(...served.map(({ request }) => request.arrivalSeconds));
  const last = Math.max(...served.map(({ lastSeconds }) => lastSeconds));
  return {
    requests: served.length,
    ttft: distributionOf(ttft),
    tpot: distributionOf(tpot),
    tokensPerSecond: written / (last - first),
  };
}

/** Percentiles by nearest rank. */
function distributionOf(values: readonly number[]): Distribution {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
  return { mean: mean(values), p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
