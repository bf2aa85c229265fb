/**
 * What the demo measures: a model on a simulated chip and, step for step beside it, in the numeric
 * definition. Nothing is assumed equal; every logit is compared.
 */
import { setImmediate as pause } from 'node:timers/promises';
import type { Chip } from '../chip/index.ts';
import {
  evaluate,
  generate,
  ModelRunner,
  type Evaluation,
  type GenerateOptions,
  type Generation,
  type GenerationEvent,
} from '../engine/index.ts';
import type { Model } from '../model/index.ts';
import { summarize, Trace, type TraceShare } from '../trace/index.ts';
import { chooseTarget, createJade, createReference, createTarget } from './targets.ts';

/** How far chip and definition agree. */
export interface Agreement {
  readonly tokens: number;
  readonly equalTokens: number;
  readonly logits: number;
  readonly equalLogits: number;
}

/** What the chip did in the steps of a phase. */
export interface ChipCounters {
  readonly tokens: number;
  readonly cycles: number;
  readonly macs: number;
  readonly bytesMoved: number;
}

/** What the counters say of a phase, as shares of what the chip could do. */
export interface ChipRates {
  readonly cyclesPerToken: number;
  readonly tokensPerSecond: number;
  readonly macShare: number;
  readonly bandwidthShare: number;
}

export function ratesOf({ tokens, cycles, macs, bytesMoved }: ChipCounters, chip: Chip): ChipRates {
  const { matrix, memory, cores, clockHz } = chip;
  return {
    cyclesPerToken: cycles / tokens,
    tokensPerSecond: tokens / (cycles / clockHz),
    macShare: macs / (cycles * matrix.lanes * matrix.columns * cores),
    bandwidthShare: bytesMoved / (cycles * memory.bytesPerCycle),
  };
}

export interface Measured {
  readonly generation: Generation;
  readonly agreement: Agreement;
  readonly prefill: ChipCounters;
  readonly decode: ChipCounters;
  /** Busy cycles of each queue, and of the memory channel for each kind of layer. */
  readonly queues: readonly TraceShare[];
  readonly layers: readonly TraceShare[];
}

const NO_COUNTS: ChipCounters = { tokens: 0, cycles: 0, macs: 0, bytesMoved: 0 };

/**
 * Generates on `chip` and by definition side by side; `show` gets each token of the chip as it comes.
 * Stops comparing where one ends before the other.
 */
export async function measureModel(
  model: Model,
  chip: Chip,
  prompt: readonly number[],
  options: GenerateOptions,
  show: (token: number) => Promise<void>,
): Promise<Measured> {
  const contextTokens = prompt.length + options.maxNewTokens;
  const trace = new Trace({ clockHz: chip.clockHz, maxEvents: 0 });
  const [target, reference] = [await createJade(chip, contextTokens), await createReference(chip)];
  const device = target.open({ trace });
  const graph = model.graph({ logits: 'last' });
  const onChip = generate(new ModelRunner(graph, target, device, contextTokens), prompt, options);
  const judge = new ModelRunner(graph, reference, reference.open({}), contextTokens);
  const byDefinition = generate(judge, prompt, options);

  let agreement: Agreement = { tokens: 0, equalTokens: 0, logits: 0, equalLogits: 0 };
  let [prefill, decode] = [NO_COUNTS, NO_COUNTS];
  for (let next = onChip.next(); ; next = onChip.next()) {
    if (next.done) {
      device.close();
      return { generation: next.value, agreement, prefill, decode, ...busyShares(trace) };
    }
    const event = next.value;
    const counts = countsOf(event, device.lastRun);
    if (event.kind === 'prompt') prefill = addCounts(prefill, counts);
    else {
      if (event.step.position >= prompt.length) decode = addCounts(decode, counts);
      agreement = compare(agreement, event, nextToken(byDefinition));
      await show(event.token);
    }
  }
}

type TokenEvent = Extract<GenerationEvent, { kind: 'token' }>;

/** The definition may take the prompt in other steps than the chip: compare from token to token. */
function nextToken(steps: Generator<GenerationEvent, Generation>): TokenEvent | undefined {
  for (;;) {
    const next = steps.next();
    if (next.done) return undefined;
    if (next.value.kind === 'token') return next.value;
  }
}

function compare(sum: Agreement, chip: TokenEvent, judge: TokenEvent | undefined): Agreement {
  return {
    tokens: sum.tokens + 1,
    equalTokens: sum.equalTokens + (judge?.token === chip.token ? 1 : 0),
    logits: sum.logits + chip.step.logits.length,
    equalLogits: sum.equalLogits + countEqualBits(chip.step.logits, judge?.step.logits),
  };
}

/** Values with the same bits: +0 and −0 differ, a NaN equals itself. */
export function countEqualBits(a: Float32Array, b: Float32Array | undefined): number {
  if (b === undefined || a.length !== b.length) return 0;
  const bits = (x: Float32Array): Uint32Array => new Uint32Array(x.buffer, x.byteOffset, x.length);
  const [left, right] = [bits(a), bits(b)];
  return left.reduce((count, value, i) => count + (value === right[i] ? 1 : 0), 0);
}

/** Whether there was something to compare and all of it was equal. */
export function isEqual({ agreement }: Measured): boolean {
  const { tokens, equalTokens, logits, equalLogits } = agreement;
  return tokens > 0 && tokens === equalTokens && logits === equalLogits;
}

interface RunCounters {
  readonly cycles: number;
  readonly macs: number;
  readonly bytesLoaded: number;
  readonly bytesStored: number;
}

function countsOf({ step }: GenerationEvent, run: RunCounters | undefined): ChipCounters {
  const { cycles = 0, macs = 0, bytesLoaded = 0, bytesStored = 0 } = run ?? {};
  return { tokens: step.count, cycles, macs, bytesMoved: bytesLoaded + bytesStored };
}

function addCounts(a: ChipCounters, b: ChipCounters): ChipCounters {
  return {
    tokens: a.tokens + b.tokens,
    cycles: a.cycles + b.cycles,
    macs: a.macs + b.macs,
    bytesMoved: a.bytesMoved + b.bytesMoved,
  };
}

function busyShares(trace: Trace): Pick<Measured, 'queues' | 'layers'> {
  const usesMemory = new Set(['load', 'store']);
  return {
    queues: summarize(trace, ({ track }) => track),
    layers: summarize(trace, ({ track, label }) =>
      usesMemory.has(track) ? layerKind(label) : undefined,
    ),
  };
}

const LAYER_KINDS: readonly (readonly [RegExp, string])[] = [
  [/lm_head/, 'head'],
  [/embed_tokens/, 'embedding'],
  [/self_attn/, 'attention'],
  [/shared_experts/, 'shared expert'],
  [/mlp\.gate$/, 'router'],
  [/mlp$/, 'routed experts'],
  [/mlp/, 'feed-forward'],
  [/norm/, 'norms'],
];

function layerKind(label: string): string {
  return LAYER_KINDS.find(([pattern]) => pattern.test(label))?.[1] ?? 'other';
}

/** Perplexity of `documents` in f32, by the cpu target, and on the chip. */
export interface Quality {
  readonly documents: number;
  readonly tokens: number;
  readonly float: number;
  readonly chip: number;
}

export async function measureQuality(
  model: Model,
  chip: Chip,
  documents: readonly (readonly number[])[],
): Promise<Quality> {
  const contextTokens = Math.max(...documents.map(({ length }) => length));
  const graph = model.graph({ logits: 'all' });
  const targets = [
    await createTarget(await chooseTarget({ target: 'cpu', threads: 1 }), contextTokens),
    await createJade(chip, contextTokens),
  ];
  const evaluations: Evaluation[] = [];
  for (const target of targets) {
    const device = target.open({});
    const runner = new ModelRunner(graph, target, device, contextTokens);
    evaluations.push(await finish(evaluate(runner, documents)));
    device.close();
  }
  const [float, own] = evaluations as [Evaluation, Evaluation];
  const { tokens, perplexity } = float;
  return { documents: documents.length, tokens, float: perplexity, chip: own.perplexity };
}

/** Runs steps to their end, letting go of the thread after each. */
async function finish<R>(steps: Generator<unknown, R>): Promise<R> {
  for (let next = steps.next(); ; next = steps.next()) {
    if (next.done) return next.value;
    await pause();
  }
}
