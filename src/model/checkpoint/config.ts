/**
 * From config.json to the checked configuration of a known family.
 *
 * A file is judged in three steps, each of which reports everything it finds: which architecture,
 * what it asks for that is not supported, and which fields are wrong.
 */
import type { z } from 'zod';
import {
  FormatError,
  listProblems,
  problem,
  problemsError,
  schemaProblems,
  show,
  UnsupportedError,
} from '../../base/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import { brokenRelations, unsupportedFeatures } from './decoderFields.ts';
import type { FixedField, Relation } from './decoderFields.ts';
import {
  DEEPSEEK_V3,
  DEEPSEEK_V3_FIXED_FIELDS,
  DEEPSEEK_V3_RELATIONS,
} from './deepseekV3Config.ts';
import type { DeepseekV3Config } from './deepseekV3Config.ts';
import { QWEN3, QWEN3_FIXED_FIELDS, QWEN3_RELATIONS } from './qwen3Config.ts';
import type { Qwen3Config } from './qwen3Config.ts';
import { withRopeFields } from './rope.ts';

/** A checked configuration and the family whose it is. */
export type ModelConfig =
  | { readonly family: 'qwen3'; readonly config: Qwen3Config }
  | { readonly family: 'deepseek_v3'; readonly config: DeepseekV3Config };

type Family = ModelConfig['family'];

const FAMILY_OF_ARCHITECTURE: Readonly<Record<string, Family>> = {
  Qwen3ForCausalLM: 'qwen3',
  DeepseekV3ForCausalLM: 'deepseek_v3',
};
const FAMILIES = Object.values(FAMILY_OF_ARCHITECTURE);

/**
 * Check a raw config.json. Throws UnsupportedError when the architecture or a feature is not
 * supported, FormatError listing every field that is absent, out of bounds or contradicts another.
 */
export function parseModelConfig(raw: JsonRecord, where = 'config.json'): ModelConfig {
  const config = withRopeFields(raw);
  const family = familyOf(raw, where);
  if (family === 'qwen3') {
    return { family, config: check(QWEN3, QWEN3_FIXED_FIELDS, QWEN3_RELATIONS, config, where) };
  }
  return {
    family,
    config: check(DEEPSEEK_V3, DEEPSEEK_V3_FIXED_FIELDS, DEEPSEEK_V3_RELATIONS, config, where),
  };
}

/** The architecture decides; `model_type` does where none is named, as in configurations nested in others. */
function familyOf({ architectures, model_type: type }: JsonRecord, where: string): Family {
  const architecture: unknown = Array.isArray(architectures) ? architectures[0] : architectures;
  if (architecture === undefined || architecture === null) {
    const family = FAMILIES.find((name) => name === type);
    if (family) return family;
  } else if (
    typeof architecture === 'string' &&
    Object.hasOwn(FAMILY_OF_ARCHITECTURE, architecture)
  ) {
    return FAMILY_OF_ARCHITECTURE[architecture];
  }
  throw unknownArchitecture(architecture ?? type, where);
}

function unknownArchitecture(name: unknown, where: string): FormatError | UnsupportedError {
  const supported = Object.keys(FAMILY_OF_ARCHITECTURE).join(' or ');
  if (typeof name === 'string') {
    return new UnsupportedError(`the architecture must be ${supported}, not ${show(name)}`, {
      where,
      hint: 'use a Qwen3 or DeepSeek-V3 model',
    });
  }
  return problemsError([problem('architectures', `a list with ${supported}`, name)], where);
}

function check<T>(
  schema: z.ZodType<T>,
  fixedFields: readonly FixedField[],
  relations: readonly Relation[],
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
