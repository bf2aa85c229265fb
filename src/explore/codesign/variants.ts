/**
 * Variants of a model: its configuration with other values of what a model team chooses before it trains.
 * What such a choice does to the quality of the model is not known here, and nothing here guesses it.
 */
import { FormatError, nearestName, UnsupportedError, type JsonRecord } from '../../base/index.ts';
import {
  buildPredictorGraph,
  NO_WEIGHTS,
  parseModelConfig,
  type CatalogueModel,
  type ModelConfig,
} from '../../model/index.ts';
import { KNOBS, type Knob, type KnobName } from './knobs.table.ts';

/** Values to try of each knob; the model's own are tried always. */
export type VariantSpace = Readonly<Partial<Record<KnobName, readonly number[]>>>;

export interface Variant {
  /** `experts=128,expertWidth=4096`; `as published` for the model itself. */
  readonly name: string;
  readonly changes: Readonly<Partial<Record<KnobName, number>>>;
  readonly raw: JsonRecord;
  readonly model: ModelConfig;
  /** Share of drafts that are right; undefined where nothing is drafted. */
  readonly acceptance: number | undefined;
}

export interface RejectedVariant {
  readonly name: string;
  readonly reason: string;
}

export interface Variants {
  /** The model itself first. */
  readonly variants: readonly Variant[];
  /** Those whose configuration contradicts itself. */
  readonly rejected: readonly RejectedVariant[];
}

/** A model, and the drafts that it is explored with. */
interface Source extends Pick<CatalogueModel, 'name' | 'raw'> {
  readonly acceptance?: number | undefined;
}

/** More than can be explored with chips in a day. */
const MOST_VARIANTS = 1000;

/**
 * Every combination of the values of `space`. Throws UnsupportedError for a knob that the model does not have,
 * and FormatError for more than 1000 variants.
 */
export function variantsOf(source: Source, space: VariantSpace): Variants {
  const names = Object.keys(space) as KnobName[];
  for (const name of names) requireKnob(source, name);
  const count = names.reduce((product, name) => product * (space[name]!.length + 1), 1);
  if (count > MOST_VARIANTS) throw tooMany(source, count);
  const variants: Variant[] = [];
  const rejected: RejectedVariant[] = [];
  for (const changes of combinations(names, space, source)) {
    const raw = changed(source.raw, changes);
    const name = nameOf(changes);
    try {
      const model = parseModelConfig(raw, name);
      const { acceptance = source.acceptance } = changes;
      if (acceptance !== undefined) requireDraftHead(model);
      variants.push({ name, changes, raw, model, acceptance });
    } catch (error) {
      if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
      rejected.push({ name, reason: error.message });
    }
  }
  return { variants, rejected };
}

function tooMany({ name }: Source, count: number): FormatError {
  return new FormatError(`there must be at most ${MOST_VARIANTS} variants, not ${count}`, {
    where: `variants of ${name}`,
    hint: 'give fewer values of each choice',
  });
}

/** Throws UnsupportedError, with the reason, for a model without a head that drafts. */
export function requireDraftHead(model: ModelConfig): void {
  buildPredictorGraph(model, NO_WEIGHTS, { logits: 'last' });
}

/** Throws UnsupportedError with the knobs that there are. */
function requireKnob({ name: model, raw }: Source, name: string): void {
  const known = (Object.keys(KNOBS) as KnobName[]).filter(
    (knob) => (KNOBS[knob] as Knob).ofDrafts || currentOf(raw, knob) !== undefined,
  );
  if ((known as string[]).includes(name)) return;
  const near = nearestName(name, known);
  throw new UnsupportedError(
    `${model} must have ${KNOBS[name as KnobName]?.what ?? name}, but does not`,
    {
      where: `variants of ${model}`,
      hint: near === undefined ? `it has ${known.join(', ')}` : `did you mean ${near}?`,
    },
  );
}

/** What `raw` has for a knob; undefined where it has no such thing. */
export function currentOf(raw: JsonRecord, name: KnobName): number | undefined {
  const { largestOfLayers = false } = KNOBS[name] as Knob;
  const value = textOf(raw)[fieldsOf(raw, name)[0] ?? ''];
  if (largestOfLayers) return Array.isArray(value) ? Math.max(...(value as number[])) : undefined;
  return typeof value === 'number' ? value : undefined;
}

/** The fields of the text model, which a multimodal one nests. */
function textOf(raw: JsonRecord): JsonRecord {
  return (raw['text_config'] as JsonRecord | undefined) ?? raw;
}

function fieldsOf(raw: JsonRecord, name: KnobName): readonly string[] {
  const { fields } = KNOBS[name] as Knob;
  const text = textOf(raw);
  return fields.find((group) => group.every((field) => text[field] != null)) ?? [];
}

function changed(raw: JsonRecord, changes: Variant['changes']): JsonRecord {
  const text = { ...textOf(raw) };
  for (const [name, value] of Object.entries(changes) as [KnobName, number][]) {
    const largest = currentOf(raw, name);
    for (const field of fieldsOf(raw, name)) {
      const layers = text[field];
      text[field] = Array.isArray(layers)
        ? layers.map((each: unknown) => (each === largest ? value : each))
        : value;
    }
  }
  return raw['text_config'] === undefined ? text : { ...raw, text_config: text };
}

/** What differs from the model; each combination once. */
function* combinations(
  [name, ...others]: readonly KnobName[],
  space: VariantSpace,
  source: Source,
): Generator<Variant['changes']> {
  if (name === undefined) return yield {};
  const own = KNOBS[name] === KNOBS.acceptance ? source.acceptance : currentOf(source.raw, name);
  for (const value of new Set([own, ...space[name]!])) {
    for (const rest of combinations(others, space, source))
      yield value === undefined || value === own ? rest : { [name]: value, ...rest };
  }
}

function nameOf(changes: Variant['changes']): string {
  const parts = Object.entries(changes).map(([name, value]) => `${name}=${value}`);
  return parts.length === 0 ? 'as published' : parts.join(',');
}
