/**
 * A design at L0: every workload at the best batch, then all of them together.
 *
 * Of several workloads a chip spends time on each by its weight, so rates are harmonic means; users of all
 * of them wait no longer than TTFT and TPOT. Of a pair, amounts are means at the ratio at which the chips
 * of prompts read as many requests as those of tokens write, and what limits name are the larger of both.
 */
import { UnsupportedError } from '../../base/index.ts';
import type { Chip } from '../../chip/index.ts';
import { MAX_STEP_ROWS } from '../../target/jade/index.ts';
import type { Design, System } from '../space/design.ts';
import type { Evaluation, Metrics } from './metrics.ts';
import { ModelForms } from './modelForms.ts';
import type { Busy } from './phase.ts';
import { Service, type Misfit, type Served } from './serve.ts';
import type { Workload } from './workload.ts';

/** What is known of a chip before it serves anything. */
export interface ChipFigures extends Pick<
  Metrics,
  | 'areaMm2'
  | 'tpp'
  | 'performanceDensity'
  | 'memoryBandwidthGBs'
  | 'memoryCapacityGiB'
  | 'chipDollars'
> {
  /** Of the chip with its memory, whose units work so much of the time; null where it is not known. */
  watts(busy: Busy): number | null;
}

/** Objectives that a design does not exceed, whatever is well arranged. */
export interface Bound {
  readonly tokensPerSecond: number;
  readonly ttftMs: number;
  readonly tpotMs: number;
  /** Work of a token on the chips that write, all ranks together, at the least. */
  readonly bytesPerToken: number;
  readonly macsPerToken: number;
}

/** A workload on a design: means over all chips, and the use of each kind of chips. */
interface Outcome extends Omit<Served, 'busy'> {
  readonly decode: Busy;
  readonly prefill: Busy | undefined;
  /** Chips of prompts for each chip of tokens; 0 where one does both. */
  readonly ratio: number;
}

export class Evaluator {
  private readonly workloads: readonly {
    readonly workload: Workload;
    readonly forms: ModelForms;
  }[];
  private readonly figuresOf: (chip: Chip) => ChipFigures;

  constructor(workloads: readonly Workload[], figuresOf: (chip: Chip) => ChipFigures) {
    const forms = new Map<Workload['model'], ModelForms>();
    this.workloads = workloads.map((workload) => ({
      workload,
      forms: forms.getOrInsertComputed(workload.model, (model) => new ModelForms(model)),
    }));
    this.figuresOf = figuresOf;
  }

  evaluate(design: Design): Evaluation {
    return supported(() => {
      const outcomes: Outcome[] = [];
      for (const { workload, forms } of this.workloads) {
        const outcome = outcomeOf(design, workload, forms);
        if ('misfit' in outcome) return outcome;
        outcomes.push(outcome);
      }
      return this.together(design, outcomes);
    });
  }

  /** Undefined where the design serves nothing at all. */
  bound(design: Design): Bound | undefined {
    const bound = supported(() => {
      const bounds: Bound[] = [];
      for (const { workload, forms } of this.workloads) {
        const each = boundOf(design, workload, forms);
        if ('misfit' in each) return each;
        bounds.push(each);
      }
      const perToken = bounds.map(({ tokensPerSecond }) => 1 / tokensPerSecond);
      return {
        tokensPerSecond: 1 / this.weighted(perToken),
        ttftMs: Math.max(...bounds.map(({ ttftMs }) => ttftMs)),
        tpotMs: Math.max(...bounds.map(({ tpotMs }) => tpotMs)),
        bytesPerToken: Math.min(...bounds.map(({ bytesPerToken }) => bytesPerToken)),
        macsPerToken: Math.min(...bounds.map(({ macsPerToken }) => macsPerToken)),
      };
    });
    return 'misfit' in bound ? undefined : bound;
  }

  private weighted(amounts: readonly number[]): number {
    return amounts.reduce((sum, each, i) => sum + this.workloads[i]!.workload.weight * each, 0);
  }

  private together({ decode, prefill }: Design, outcomes: readonly Outcome[]): Evaluation {
    const times = outcomes.map(
      ({ tokensPerSecond }, i) => this.workloads[i]!.workload.weight / tokensPerSecond,
    );
    const time = times.reduce((sum, each) => sum + each, 0);
    const mean = (of: (outcome: Outcome) => number): number =>
      outcomes.reduce((sum, each, i) => sum + (times[i]! / time) * of(each), 0);
    const tokensPerSecond = 1 / time;
    const writer = this.figuresOf(decode.chip);
    const reader = prefill && this.figuresOf(prefill.chip);
    const watts = outcomes.map((outcome) => wattsOf(outcome, writer, reader));
    const known = watts.every((each) => each !== null);
    const chipWatts = known ? mean((outcome) => watts[outcomes.indexOf(outcome)]!.mean) : null;
    const areaMm2 = mean(({ ratio }) => perChip(ratio, writer.areaMm2, reader?.areaMm2));
    const dollars =
      writer.chipDollars === null || reader?.chipDollars === null
        ? null
        : mean(({ ratio }) => perChip(ratio, writer.chipDollars!, reader?.chipDollars ?? 0));
    const longest = outcomes[times.indexOf(Math.max(...times))]!;
    return {
      metrics: {
        tokensPerSecond,
        tokensPerSecondPerWatt: chipWatts === null ? null : tokensPerSecond / chipWatts,
        tokensPerSecondPerMm2: tokensPerSecond / areaMm2,
        tokensPerSecondPerDollar: dollars === null ? null : tokensPerSecond / dollars,
        ttftMs: 1e3 * Math.max(...outcomes.map(({ ttftSeconds }) => ttftSeconds)),
        tpotMs: 1e3 * Math.max(...outcomes.map(({ tpotSeconds }) => tpotSeconds)),
        ...largerOf(writer, reader),
        powerWatts: known ? Math.max(...watts.map((each) => each!.most)) : null,
      },
      limitedBy: longest.limitedBy,
      batch: longest.batch,
    };
  }
}

/** What `make` gives, or the reason for which the model cannot be divided so. */
function supported<T>(make: () => T | Misfit): T | Misfit {
  try {
    return make();
  } catch (error) {
    if (error instanceof UnsupportedError) return { misfit: error.message };
    throw error;
  }
}

/** Why ranks and links do not make a system. */
function misfitOf({
  chip,
  chips,
  tensor,
  pipeline,
  expert,
  linkBytesPerSecond,
}: System): Misfit | undefined {
  const [cores, ranks] = [chips * chip.cores, tensor * pipeline * expert];
  if (cores !== ranks) return { misfit: `${ranks} ranks must be the ${cores} cores of all chips` };
  if (tensor % chip.cores !== 0 && chip.cores % tensor !== 0)
    return {
      misfit: `${tensor} tensor ranks must fill chips of ${chip.cores} cores, or divide them`,
    };
  if (chips > 1 && !(linkBytesPerSecond > 0)) return { misfit: `${chips} chips must have links` };
  return undefined;
}

function outcomeOf(
  { decode, prefill }: Design,
  workload: Workload,
  forms: ModelForms,
): Outcome | Misfit {
  const wrong = misfitOf(decode) ?? (prefill && misfitOf(prefill));
  if (wrong) return wrong;
  const writer = new Service(decode, workload, forms);
  const most = writer.mostBatch();
  if (typeof most !== 'number') return most;
  const reader = prefill === undefined ? writer : new Service(prefill, workload, forms);
  const reading = reader.reading();
  if ('misfit' in reading) return reading;
  const read = reading.phase.time(reader.system);
  const at = (B: number): Served => {
    const write = writer.writing(B).time(decode);
    return prefill === undefined
      ? writer.shared(B, write, read, reading.chunks)
      : writer.writes(B, write);
  };
  const served = largestWithin(most, at, workload);
  if ('misfit' in served) return served;
  const { busy, ...rest } = served;
  if (prefill === undefined) return { ...rest, decode: busy, prefill: undefined, ratio: 0 };
  const prompts = reader.reads(read, reading.chunks);
  const ratio = served.tokensPerSecond / workload.outputTokens / prompts.perSecond;
  const moved = Math.max(writer.stateSeconds(), reader.stateSeconds());
  return {
    ...rest,
    tokensPerSecond: served.tokensPerSecond / (1 + ratio),
    ttftSeconds: prompts.seconds + moved + served.ttftSeconds,
    decode: busy,
    prefill: prompts.busy,
    ratio,
  };
}

/** The largest batch within the time between tokens, which grows with it. */
function largestWithin(
  most: number,
  at: (B: number) => Served,
  { mostTpotMs }: Workload,
): Served | Misfit {
  let served = at(most);
  for (let B = most; mostTpotMs !== undefined && 1e3 * served.tpotSeconds > mostTpotMs;) {
    if (B === 1) {
      const given = (1e3 * served.tpotSeconds).toPrecision(3);
      return { misfit: `one sequence takes ${given} ms a token, at most ${mostTpotMs} are wanted` };
    }
    B /= 2;
    served = at(B);
  }
  return served;
}

/**
 * Steps take no less than their least work, queues and links nothing, and chips hold as many rows as
 * programs may have. Tokens a second grow with the batch then, so that the largest bounds all.
 */
function boundOf(design: Design, workload: Workload, forms: ModelForms): Bound | Misfit {
  const { decode, prefill } = design;
  const wrong = misfitOf(decode) ?? (prefill && misfitOf(prefill));
  if (wrong) return wrong;
  const writer = new Service(decode, workload, forms);
  const most = writer.batchHeld(MAX_STEP_ROWS);
  if (typeof most !== 'number') return most;
  const reader = prefill === undefined ? writer : new Service(prefill, workload, forms);
  const reading = reader.inChunks(MAX_STEP_ROWS);
  const { outputTokens: O } = workload;
  const { pipeline, expert, chips } = decode;
  const n = most * pipeline;
  const write = writer.writing(most);
  const token = (pipeline * write.leastSeconds(decode)) / writer.tokensPerStep;
  const prompt = reading.chunks * reading.phase.leastSeconds(reader.system);
  const alone = pipeline * writer.writing(1).leastSeconds(decode);
  const tpotMs = (1e3 * alone) / writer.tokensPerStep;
  const [written, read] = [write.leastWork(), reading.phase.leastWork()];
  // Larger batches and chunks share weights among more tokens: these are the largest.
  const perToken = (part: 'bytes' | 'macs'): number => {
    const ofPrompt = prefill === undefined ? (read[part] * reading.chunks) / O : 0;
    return decode.tensor * (written[part] / most / writer.tokensPerStep + ofPrompt);
  };
  const least = {
    ttftMs: 1e3 * prompt,
    tpotMs,
    bytesPerToken: perToken('bytes'),
    macsPerToken: perToken('macs'),
  };
  if (prefill === undefined) {
    const life = prompt + (O - 1) * (token + ((n - 1) * prompt) / O);
    return { tokensPerSecond: (expert * n * O) / life / chips, ...least };
  }
  const writes = (expert * n) / token / chips;
  const ratio = (writes / O) * ((prompt * prefill.chips) / prefill.expert);
  return { tokensPerSecond: writes / (1 + ratio), ...least };
}

/** Mean over a chip of tokens and `ratio` chips of prompts. */
function perChip(ratio: number, writer: number, reader = 0): number {
  return (writer + ratio * reader) / (1 + ratio);
}

function wattsOf(
  { decode, prefill, ratio }: Outcome,
  writer: ChipFigures,
  reader: ChipFigures | undefined,
): { readonly mean: number; readonly most: number } | null {
  const writes = writer.watts(decode);
  const reads = reader && prefill ? reader.watts(prefill) : 0;
  if (writes === null || reads === null) return null;
  return { mean: perChip(ratio, writes, reads), most: Math.max(writes, reads) };
}

type Limited = Omit<ChipFigures, 'watts'>;

/** What a limit on a chip names, of the chip that has more of it. */
function largerOf(a: Limited, b: Limited = a): Limited {
  const larger = (x: number | null, y: number | null): number | null =>
    x === null || y === null ? (x ?? y) : Math.max(x, y);
  return {
    areaMm2: Math.max(a.areaMm2, b.areaMm2),
    tpp: Math.max(a.tpp, b.tpp),
    performanceDensity: larger(a.performanceDensity, b.performanceDensity),
    memoryBandwidthGBs: Math.max(a.memoryBandwidthGBs, b.memoryBandwidthGBs),
    memoryCapacityGiB: Math.max(a.memoryCapacityGiB, b.memoryCapacityGiB),
    chipDollars: larger(a.chipDollars, b.chipDollars),
  };
}
