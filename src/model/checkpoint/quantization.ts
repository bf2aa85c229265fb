/** The `quantization_config` of a checkpoint: which format its weights are in, and whether it is known. */
import { isRecord, problem, UnsupportedError } from '../../base/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import type { TensorSet, WeightFormat } from './formats/format.ts';
import { FORMATS } from './formats/formats.table.ts';
import { isPlain, plainWeight, unreadable } from './tensorValues.ts';
import type { Weight } from './weight.ts';

/** The format where config.json names none: FP8 shows in the tensors. */
const UNNAMED = 'fp8';

/** How a checkpoint's weights are found in its tensors. */
export interface Quantization {
  /** What the makers of the checkpoint compute otherwise than f32 does. */
  readonly note?: string;
  /** The weight `name`, or undefined if there is none. Throws for what is stored wrongly or unreadably. */
  locate(name: string): Weight | undefined;
}

/** The quantisation of these tensors. Throws UnsupportedError for one that is not known. */
export function quantizationOf(
  config: JsonRecord,
  tensors: TensorSet,
  where: string,
): Quantization {
  const given = configOf(config);
  const problems = quantizationProblems(given);
  if (problems.length > 0) {
    throw new UnsupportedError(problems.join('; '), {
      where,
      hint: 'use the BF16 weights of this model, or one of the formats in docs/formats.md',
    });
  }
  const settings = isRecord(given) ? given : {};
  const method = settings['quant_method'] as string | undefined;
  const format = FORMATS.get(method ?? UNNAMED)!;
  const note = format.note?.(settings);
  return {
    ...(note !== undefined && { note }),
    locate: (name) => locate(name, tensors, format, settings),
  };
}

/** What a `quantization_config` asks for beyond the known formats; empty when nothing. */
export function quantizationProblems(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (!isRecord(value)) return [problem('quantization_config', 'an object or null', value)];
  const method = value['quant_method'];
  const format = typeof method === 'string' ? FORMATS.get(method) : undefined;
  if (format !== undefined) return format.problems(value);
  const known = [...FORMATS.keys()].join(', ');
  return [problem('quantization_config.quant_method', `one of ${known}`, method)];
}

/** Multimodal configurations may keep it beside `text_config` or in it. */
function configOf({ quantization_config: given, text_config: text }: JsonRecord): unknown {
  return given ?? (isRecord(text) ? text['quantization_config'] : undefined);
}

function locate(
  name: string,
  tensors: TensorSet,
  format: WeightFormat,
  settings: JsonRecord,
): Weight | undefined {
  const stored = tensors.find(name);
  if (stored !== undefined && isPlain(stored)) return plainWeight(stored);
  const weight = format.locate(name, tensors, settings);
  if (weight !== undefined || stored === undefined) return weight;
  throw unreadable(stored);
}
