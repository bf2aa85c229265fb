/** The model's side of `celadon explore`: variants of a model, each with the chips that suit it. */
import fs from 'node:fs';
import { parseJson, readWholeFile, UsageError } from '../base/index.ts';
import { loadChip } from '../chip/index.ts';
import {
  KNOBS,
  pairReport,
  perplexityOn,
  type Documents,
  type ExploredVariant,
  type Pair,
  type RejectedVariant,
  type VariantSpace,
} from '../explore/index.ts';
import { builtinModelNames, openModel, VALIDATION_FILE } from './models.ts';
import { formatTable } from './table.ts';

/** Variants are few numbers. */
const MOST_BYTES = 2 ** 20;

/** `{"experts": [128, 512], "acceptance": [0.85]}`. Throws FormatError or UsageError for anything else. */
export function readVariants(file: string): VariantSpace {
  const value = parseJson(readWholeFile(file, MOST_BYTES), file);
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const isList = ([name, values]: [string, unknown]): boolean =>
    Array.isArray(values) &&
    values.every(
      name === 'acceptance' ? isShare : (each) => Number.isSafeInteger(each) && each > 0,
    );
  if (!Array.isArray(value) && entries.length > 0 && entries.every(isList))
    return value as VariantSpace;
  throw new UsageError('variants must be lists of whole numbers by name, of acceptance 0 to 1', {
    where: file,
    hint: `for example {"experts": [128, 512]}; names are ${Object.keys(KNOBS).join(', ')}`,
  });
}

function isShare(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

/** Documents of models/valid.json that perplexity is measured on. */
const MEASURED_DOCUMENTS = 16;

export interface FormatQuality {
  readonly model: string;
  /** Of activations and weights. */
  readonly formats: string;
  readonly perplexity: number;
  /** Over that in f32, less 1. */
  readonly change: number;
}

/** Perplexity of the built-in models in the formats of the pairs' chips. */
export function formatQuality(pairs: readonly Pair[]): FormatQuality[] {
  const text = fs.readFileSync(VALIDATION_FILE, 'utf8');
  const documents: Documents = (JSON.parse(text) as { tokens: number[] }[])
    .slice(0, MEASURED_DOCUMENTS)
    .map(({ tokens }) => tokens);
  const chips = new Map(
    pairs.map(({ design: { decode } }) => [formatsOf(decode.chip), decode.chip]),
  );
  return builtinModelNames().flatMap((name) => {
    const model = openModel(name);
    const float = perplexityOn(model, undefined, documents);
    return [...chips].map(([formats, { matrix }]) => {
      const { activationFormat, weightFormat } = matrix;
      const edge = loadChip('jade-edge'); // formats alone decide the numbers
      const chip = { ...edge, matrix: { ...edge.matrix, activationFormat, weightFormat } };
      const perplexity = perplexityOn(model, chip, documents);
      return { model: name, formats, perplexity, change: perplexity / float - 1 };
    });
  });
}

function formatsOf({ matrix }: Pair['design']['decode']['chip']): string {
  return `${matrix.activationFormat}/${matrix.weightFormat}`;
}

/** The report as an object and as text. */
export function codesignReport(
  variants: readonly ExploredVariant[],
  rejected: readonly RejectedVariant[],
) {
  const { front, best } = pairReport(variants);
  return { front, best, rejected, formats: formatQuality(front) };
}

export type CodesignReport = ReturnType<typeof codesignReport>;

export function codesignText({ best, front, formats, rejected }: CodesignReport): string {
  const rows = best.flatMap(({ metric, pair, today }) => [
    [metric, 'best', pair.variant, pair.design.decode.chip.name, valueOf(pair, metric)],
    today === undefined
      ? ['', 'today', 'as published', 'none keeps the limits', '-']
      : ['', 'today', today.variant, today.design.decode.chip.name, valueOf(today, metric)],
  ]);
  const quality = formats.map(({ model, formats: name, perplexity, change }) => [
    model,
    name,
    perplexity.toFixed(2),
    `${(100 * change).toFixed(1)} %`,
  ]);
  const refused = rejected.map(({ name, reason }) => `${name}: ${reason}`);
  return [
    formatTable([['objective', '', 'model', 'chip', 'value'], ...rows]),
    '',
    `${front.length} pairs of model and chip that none beats; what a variant does to quality is not known before training`,
    '',
    formatTable([['perplexity of', 'formats', 'value', 'change'], ...quality]),
    ...(refused.length > 0 ? ['', 'not possible:', ...refused] : []),
  ].join('\n');
}

function valueOf({ evaluation }: Pair, metric: string): string {
  const value = evaluation.metrics?.[metric];
  return value == null ? '-' : `${Number(value.toPrecision(4))}`;
}
