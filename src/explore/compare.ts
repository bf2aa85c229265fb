/**
 * Chips side by side for a model and a workload: what of it runs, on how many chips it fits, and the
 * roofline of both phases. Bounds of the roofline are per chip and do not depend on how many share the
 * model, as long as they share it evenly: a real system is slower, never faster.
 */
import type { Accelerator, UnitFormat } from '../chip/index.ts';
import { roofline, type Machine } from '../cost/index.ts';
import { WEIGHT_BITS, type CheckReport } from '../interop/index.ts';
import type { Graph } from '../ir/index.ts';

/** Tokens of each request, and requests at a time. */
export interface ComparedWorkload {
  readonly input: number;
  readonly output: number;
  readonly concurrency: number;
}

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
}

/** Tokens of a step that reads prompts, at most. */
const STEP_TOKENS = 8192;

/** The graph that reads prompts, and the one that writes tokens. */
export interface PhaseGraphs {
  readonly prompt: Graph;
  readonly decode: Graph;
}

export function compareChip(
  graphs: PhaseGraphs,
  report: CheckReport,
  chip: Accelerator,
  hasExperts: boolean,
  { input, output, concurrency }: ComparedWorkload,
): ComparedChip {
  const machine = machineOf(chip, report, hasExperts ? 'experts' : 'matrices');
  if (typeof machine === 'string')
    return { chip, report, machine: null, lacking: machine, prompt: null, decode: null };
  const tokens = Math.min(input, STEP_TOKENS);
  const prompts = Math.min(concurrency, Math.floor(STEP_TOKENS / tokens));
  return {
    ...{ chip, report, machine, lacking: null },
    prompt: boundOf(graphs.prompt, { B: prompts, T: tokens, S: tokens }, machine),
    decode: boundOf(
      graphs.decode,
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
    bytesPerWeight: WEIGHT_BITS[held] / 8,
    bytesPerStateElement: STATE_BYTES,
    provenance: {
      text: `peak ${confidence.peak}, memory ${confidence.memory}`,
      urls: sources.flatMap(({ url }) => url ?? []),
    },
  };
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
