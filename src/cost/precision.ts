/**
 * Precision: the formats that the weights of a model have on a chip, and the rate of their arithmetic.
 *
 * A published checkpoint says what its weights are in. Where a chip has no arithmetic for a format, the
 * weights become the next wider one that it has, and take its bytes: FP4 → FP8 or INT8 → BF16, as
 * serving systems do [1].
 *
 * [1] vllm-ascend, docs/source/user_guide/support_matrix; FlagOS (FP4 → BF16)
 */
import { UnsupportedError } from '../base/index.ts';
import type { Accelerator, AcceleratorFormat } from '../chip/index.ts';
import { FORMAT_BYTES } from './machine.ts';

export type WeightFormat = keyof typeof FORMAT_BYTES & AcceleratorFormat;

/** What weights are wanted in: those of routed experts, and of all other contractions but the head. */
export interface WantedPrecision {
  readonly linear: WeightFormat;
  readonly experts: WeightFormat;
}

/** Weights in memory and operations a second, a multiplication and an addition counted as two. */
export interface FormatRate {
  readonly format: WeightFormat;
  readonly bytesPerWeight: number;
  readonly operationsPerSecond: number;
}

/** Whether rows must be quantised before they meet such weights. */
export function isNarrow({ format }: FormatRate): boolean {
  return format !== 'bf16' && format !== 'fp16';
}

export interface Precision {
  readonly linear: FormatRate;
  readonly experts: FormatRate;
  /** The head, absorbed projections and attention. */
  readonly wide: FormatRate;
  /** Bytes of one element of keys, values or latents. */
  readonly bytesPerStateElement: number;
  /** What became of formats that the chip has no arithmetic for. */
  readonly expanded: readonly string[];
}

/** Names of `--precision`, and what the weights are then wanted in. */
export const PRECISIONS: Readonly<Record<string, WantedPrecision>> = {
  bf16: { linear: 'bf16', experts: 'bf16' },
  fp8: { linear: 'fp8', experts: 'fp8' },
  int8: { linear: 'int8', experts: 'int8' },
  mxfp4: { linear: 'fp8', experts: 'mxfp4' },
};

/** What the weights of a checkpoint are in, from its config.json; bf16 where it says nothing. */
export function publishedPrecision(config: Readonly<Record<string, unknown>>): WantedPrecision {
  const quantization = config['quantization_config'] as { quant_method?: unknown } | undefined;
  if (quantization?.quant_method !== 'fp8') return PRECISIONS['bf16']!;
  return PRECISIONS[config['expert_dtype'] === 'fp4' ? 'mxfp4' : 'fp8']!;
}

/**
 * What is trained in where such weights are wanted: FP8 where the chip has it [2], else BF16. INT8 and
 * FP4 are formats of inference: gradients do not fit their range.
 *
 * [2] DeepSeek-V3, https://arxiv.org/abs/2412.19437, section 3.3
 */
export function trainedIn(chip: Accelerator, wanted: WantedPrecision): WantedPrecision {
  const isNarrowed = wanted.linear !== 'bf16' && wanted.linear !== 'fp16';
  return PRECISIONS[isNarrowed && chip.peakOperationsPerSecond.fp8 !== null ? 'fp8' : 'bf16']!;
}

const WIDER: Partial<Record<WeightFormat, readonly WeightFormat[]>> = {
  mxfp4: ['fp8', 'int8', 'bf16', 'fp16'],
  fp8: ['int8', 'bf16', 'fp16'],
  int8: ['fp8', 'bf16', 'fp16'],
  bf16: ['fp16'],
  fp16: ['bf16'],
};

/** Precision of `wanted` on a chip. Throws UnsupportedError when no peak that would do is published. */
export function precisionOn(
  chip: Accelerator,
  wanted: WantedPrecision,
  bytesPerStateElement: number = FORMAT_BYTES.bf16,
): Precision {
  const [linear, experts] = [rateOf(chip, wanted.linear), rateOf(chip, wanted.experts)];
  const expanded = [
    [wanted.linear, linear.format],
    [wanted.experts, experts.format],
  ].filter(([from, to]) => from !== to);
  return {
    linear,
    experts,
    wide: wideRate(chip),
    bytesPerStateElement,
    expanded: [...new Set(expanded.map(([from, to]) => `${from} → ${to}`))],
  };
}

/** Of one of `shares` equal parts of a chip. */
export function precisionOfShare(precision: Precision, shares: number): Precision {
  const part = (rate: FormatRate): FormatRate => ({
    ...rate,
    operationsPerSecond: rate.operationsPerSecond / shares,
  });
  const { linear, experts, wide } = precision;
  return { ...precision, linear: part(linear), experts: part(experts), wide: part(wide) };
}

function rateOf(chip: Accelerator, wanted: WeightFormat): FormatRate {
  const format = [wanted, ...(WIDER[wanted] ?? [])].find(
    (each) => chip.peakOperationsPerSecond[each] !== null,
  );
  if (format === undefined) throw noPeak(chip, wanted);
  return {
    format,
    bytesPerWeight: FORMAT_BYTES[format],
    operationsPerSecond: chip.peakOperationsPerSecond[format]!,
  };
}

/** bf16; where it is not published half the rate of fp8, as on every chip that publishes both. */
function wideRate(chip: Accelerator): FormatRate {
  const { bf16, fp16, fp8 } = chip.peakOperationsPerSecond;
  const rate = bf16 ?? fp16 ?? (fp8 === null ? null : fp8 / 2);
  if (rate === null) throw noPeak(chip, 'bf16');
  return { format: 'bf16', bytesPerWeight: FORMAT_BYTES.bf16, operationsPerSecond: rate };
}

function noPeak(chip: Accelerator, format: string): UnsupportedError {
  const known = Object.entries(chip.peakOperationsPerSecond).filter(([, rate]) => rate !== null);
  return new UnsupportedError(`a peak in ${format} or wider must be published, but there is none`, {
    where: chip.id,
    hint: `published: ${known.map(([name]) => name).join(', ') || 'none'}`,
  });
}
