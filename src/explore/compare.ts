/**
 * Chips side by side for a model and a workload: what of it runs, on how many chips it fits, and the
 * roofline of both phases. Bounds of the roofline are per chip and do not depend on how many share the
 * model, as long as they share it evenly: a real system is slower, never faster.
 */
import { UnsupportedError } from '../base/index.ts';
import type { Accelerator, UnitFormat } from '../chip/index.ts';
import { searchPlans, type Plan, type ServedModel, type Workload } from '../cluster/index.ts';
import {
  chipModel,
  FORMAT_BYTES,
  roofline,
  type FormatRate,
  type Machine,
  type Precision,
} from '../cost/index.ts';
import type { CheckReport, WeightFormat } from '../interop/index.ts';
import type { Graph } from '../ir/index.ts';

/** One phase of the workload on a chip. */
export interface Bound {
  /** Operations for each byte of weights and state. */
  readonly intensity: number;
  readonly operationsPerSecond: number;
  readonly tokensPerSecondPerChip: number;
  readonly limitedBy: 'memory' | 'compute';
}

export interface ComparedChip {
  readonly chip: Accelerator;
  readonly report: CheckReport;
  /** null, with the reason, where a rate or a bandwidth is not published. */
  readonly machine: Machine | null;
  readonly lacking: string | null;
  readonly prompt: Bound | null;
  readonly decode: Bound | null;
  /** In the layout of the report, or why there is none. */
  readonly predicted: Plan | string;
}

/** What is compared: the graphs of both phases, and the model as it is served. */
export interface ComparedModel {
  readonly served: ServedModel;
  readonly prompt: Graph;
  readonly decode: Graph;
  readonly hasExperts: boolean;
}

/** Tokens of a step that reads prompts, at most. */
const STEP_TOKENS = 8192;

export function compareChip(
  model: ComparedModel,
  report: CheckReport,
  chip: Accelerator,
  workload: Workload,
): ComparedChip {
  const { input, output, concurrency } = workload;
  const { hasExperts } = model;
  const machine = machineOf(chip, report, hasExperts ? 'experts' : 'matrices');
  if (typeof machine === 'string') {
    const none = { machine: null, prompt: null, decode: null, predicted: machine };
    return { chip, report, lacking: machine, ...none };
  }
  const tokens = Math.min(input, STEP_TOKENS);
  const prompts = Math.min(concurrency, Math.floor(STEP_TOKENS / tokens));
  return {
    ...{ chip, report, machine, lacking: null },
    predicted: predictedBy(model.served, report, chip, workload),
    prompt: boundOf(model.prompt, { B: prompts, T: tokens, S: tokens }, machine),
    decode: boundOf(
      model.decode,
      { B: concurrency, T: 1, S: input + Math.ceil(output / 2) },
      machine,
    ),
  };
}

/** Bytes and rate of most of the weights, as the check found them; why not, where something is not published. */
function machineOf(
  chip: Accelerator,
  { formats, computes }: CheckReport,
  group: 'experts' | 'matrices',
): Machine | string {
  const { bandwidthBytesPerSecond } = chip.memory;
  const [held, computed] = [formats[group], computes![group]];
  const rate = rateOf(chip, computed);
  if (rate === null) return `no rate of ${computed} is published`;
  if (bandwidthBytesPerSecond === null) return 'no memory bandwidth is published';
  const { confidence, sources } = chip;
  return {
    name: chip.name,
    macsPerSecond: rate / 2,
    bandwidthBytesPerSecond,
    format: held === computed ? held : `${held}, multiplied in ${computed}`,
    bytesPerWeight: FORMAT_BYTES[held],
    bytesPerStateElement: STATE_BYTES,
    provenance: {
      text: `peak ${confidence.peak}, memory ${confidence.memory}`,
      urls: sources.flatMap(({ url }) => url ?? []),
    },
  };
}

/**
 * The plan in the layout of the report. The check has found what weights are held and multiplied in; the
 * performance model is given just that.
 */
function predictedBy(
  model: ServedModel,
  { formats, computes, layout, count }: CheckReport,
  chip: Accelerator,
  workload: Workload,
): Plan | string {
  const rates = (['matrices', 'experts', 'vectors'] as const).map((group) =>
    formatRate(chip, formats[group], computes![group]),
  );
  if (rates.includes(null)) return 'a rate is not published';
  const [linear, experts, wide] = rates as [FormatRate, FormatRate, FormatRate];
  const precision: Precision = {
    ...{ linear, experts, wide },
    bytesPerStateElement: STATE_BYTES,
    expanded: [],
  };
  try {
    const request = { model, chip: chipModel(chip, precision), count, workload, layout };
    const targets = { ttftSeconds: undefined, tpotSeconds: undefined };
    const { plans, rejected } = searchPlans({ ...request, targets, schedule: 'mixed' });
    const [best] = plans;
    if (best !== undefined && best.memory.fits) return best;
    return rejected[0]?.reason ?? 'does not fit';
  } catch (error) {
    if (error instanceof UnsupportedError) return error.message;
    throw error;
  }
}

function formatRate(
  chip: Accelerator,
  held: WeightFormat,
  computed: UnitFormat,
): FormatRate | null {
  const operationsPerSecond = rateOf(chip, computed);
  if (operationsPerSecond === null) return null;
  const format = computed === 'e8m0' || computed === 'int4' ? 'int8' : computed;
  return { format, bytesPerWeight: FORMAT_BYTES[held], operationsPerSecond };
}

/** State in bf16. */
const STATE_BYTES = 2;

/** Where BF16 is not published FP16 is, or half of FP8, as on every chip that publishes both. */
function rateOf({ peakOperationsPerSecond: peak }: Accelerator, format: UnitFormat): number | null {
  if (format === 'e8m0') return null;
  const own = peak[format];
  if (own !== null || (format !== 'bf16' && format !== 'fp16')) return own;
  return peak.bf16 ?? peak.fp16 ?? (peak.fp8 === null ? null : peak.fp8 / 2);
}

function boundOf(graph: Graph, dims: { B: number; T: number; S: number }, machine: Machine): Bound {
  const { macs, weightBytes, stateBytes, seconds, tokensPerSecond, limitedBy } = roofline(
    graph,
    dims,
    machine,
  );
  return {
    intensity: (2 * macs) / (weightBytes + stateBytes),
    operationsPerSecond: (2 * macs) / seconds,
    tokensPerSecondPerChip: tokensPerSecond,
    limitedBy,
  };
}
