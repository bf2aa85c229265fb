/**
 * From config.json to the checked configuration of a known family.
 *
 * A file is judged in three steps, each of which reports everything it finds: which architecture,
 * what it asks for that is not supported, and which fields are wrong.
 */
import type { z } from 'zod';
import {
  FormatError,
  isRecord,
  listProblems,
  problem,
  problemsError,
  show,
  UnsupportedError,
} from '../../base/index.ts';
import { schemaProblems } from '../../schema/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import { brokenRelations, unsupportedFeatures } from './decoderFields.ts';
import { DEEPSEEK_V2_FIELDS } from './deepseekV2Config.ts';
import { DEEPSEEK_V3_FIELDS } from './deepseekV3Config.ts';
import { DEEPSEEK_V32_FIELDS } from './deepseekV32Config.ts';
import { DEEPSEEK_V41_FIELDS } from './deepseekV41Config.ts';
import { DEEPSEEK_V4_FIELDS } from './deepseekV4Config.ts';
import { withExpertCount } from './expertFields.ts';
import type { FamilyFields } from './familyFields.ts';
import { QWEN2_FIELDS } from './qwen2Config.ts';
import { QWEN3_FIELDS } from './qwen3Config.ts';
import { QWEN3_MOE_FIELDS } from './qwen3MoeConfig.ts';
import { QWEN4_EXP_FIELDS } from './qwen4ExpConfig.ts';
import { QWEN35_FIELDS, QWEN35_MOE_FIELDS, QWEN3_NEXT_FIELDS } from './qwenHybridConfig.ts';
import { withRopeFields } from './rope.ts';

/** How the configuration of each family is checked; its graph is built by the row of its name in model.ts. */
const FAMILIES = {
  qwen2: QWEN2_FIELDS,
  qwen3: QWEN3_FIELDS,
  qwen3_moe: QWEN3_MOE_FIELDS,
  qwen3_next: QWEN3_NEXT_FIELDS,
  qwen3_5: QWEN35_FIELDS,
  qwen3_5_moe: QWEN35_MOE_FIELDS,
  qwen4_exp: QWEN4_EXP_FIELDS,
  deepseek_v3: DEEPSEEK_V3_FIELDS,
  deepseek_v2: DEEPSEEK_V2_FIELDS,
  deepseek_v32: DEEPSEEK_V32_FIELDS,
  deepseek_v4: DEEPSEEK_V4_FIELDS,
  deepseek_v41: DEEPSEEK_V41_FIELDS,
} satisfies Record<string, FamilyFields<unknown>>;

export type Family = keyof typeof FAMILIES;
export type ConfigOf<F extends Family> = z.output<(typeof FAMILIES)[F]['schema']>;

/** A checked configuration and the family whose it is. */
export type ModelConfig = {
  [F in Family]: { readonly family: F; readonly config: ConfigOf<F> };
}[Family];

/**
 * Check a raw config.json. Throws UnsupportedError when the architecture or a feature is not
 * supported, FormatError listing every field that is absent, out of bounds or contradicts another.
 */
export function parseModelConfig(raw: JsonRecord, where = 'config.json'): ModelConfig {
  const family = familyOf(raw, where);
  const fields = withExpertCount(withRopeFields(textFields(raw)));
  const config = check<unknown>(FAMILIES[family], fields, where);
  return { family, config } as ModelConfig;
}

/** The fields of the text model, which a multimodal one nests; what holds for the whole file stays. */
function textFields(raw: JsonRecord): JsonRecord {
  const { text_config: text, ...whole } = raw;
  return isRecord(text) ? { ...text, ...whole } : raw;
}

/** The architecture decides; `model_type` does where none is named, as in configurations nested in others. */
function familyOf({ architectures, model_type: type }: JsonRecord, where: string): Family {
  const architecture: unknown = Array.isArray(architectures) ? architectures[0] : architectures;
  const unnamed = architecture === undefined || architecture === null;
  const families = Object.keys(FAMILIES) as Family[];
  const found = families.find((family) => {
    const { architectures: named, otherTypes = [] }: FamilyFields<unknown> = FAMILIES[family];
    const types = unnamed ? [family, ...otherTypes] : otherTypes;
    const byType = types.some((known) => type === known || type === `${known}_text`);
    return byType || named.some((known) => known === architecture);
  });
  if (found !== undefined) return found;
  throw unknownArchitecture(architecture ?? type, where);
}

function unknownArchitecture(name: unknown, where: string): FormatError | UnsupportedError {
  const supported = Object.values(FAMILIES)
    .flatMap(({ architectures }) => architectures)
    .join(' or ');
  if (typeof name === 'string') {
    return new UnsupportedError(`the architecture must be ${supported}, not ${show(name)}`, {
      where,
      hint: 'use a model of one of these architectures',
    });
  }
  return problemsError([problem('architectures', `a list with ${supported}`, name)], where);
}

function check<T>(
  { schema, fixedFields, relations }: FamilyFields<T>,
  config: JsonRecord,
  where: string,
): T {
  const unsupported = unsupportedFeatures(config, fixedFields);
  if (unsupported.length > 0) {
    throw new UnsupportedError(listProblems(unsupported), {
      where,
      hint: 'use another model: this variant of a supported architecture cannot be run',
    });
  }
  const result = schema.safeParse(config);
  const broken = brokenRelations(config, relations);
  if (result.success && broken.length === 0) return result.data;
  throw problemsError(
    [...(result.error ? schemaProblems(result.error, config) : []), ...broken],
    where,
  );
}
