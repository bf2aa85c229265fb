/**
 * Splits of text before BPE, written so that the library makes them as Hugging Face's own does.
 *
 * Its `Digits` knows ASCII digits only, where the original means every numeric character (general
 * category N); its `ByteLevel` uses JavaScript's \s, which has U+FEFF and lacks U+0085. As `Split`
 * both are exact, because the library translates the expressions of a Split faithfully.
 */
import { isRecord } from '../base/index.ts';
import type { JsonRecord } from '../base/index.ts';

/** The expression of GPT-2, which a `ByteLevel` with `use_regex` splits by. */
const GPT2_PATTERN =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** How a text becomes words. */
export interface Splits {
  /** For the library. */
  readonly preTokenizer: JsonRecord;
  /** Whether words are then to be spelled in the byte alphabet: once for each that is new, not for each that comes. */
  readonly spells: boolean;
}

/** The pre-tokenizer with every part that the library makes only approximately replaced. */
export function exactSplits(preTokenizer: unknown): Splits {
  const parts = partsOf(preTokenizer, 'pretokenizers').flatMap(exactParts);
  const spells = onlySpells(parts.at(-1));
  const pretokenizers = spells ? parts.slice(0, -1) : parts;
  return { preTokenizer: { type: 'Sequence', pretokenizers }, spells };
}

/** Whether a part does nothing but to write words in the byte alphabet. */
function onlySpells(part: unknown): boolean {
  return isRecord(part) && part['type'] === 'ByteLevel' && part['use_regex'] === false;
}

/** The parts of a sequence under `field`; a component that is none is its own part. */
export function partsOf(component: unknown, field: string): readonly unknown[] {
  const parts = isRecord(component) && component['type'] === 'Sequence' && component[field];
  return Array.isArray(parts) ? parts : [component];
}

function exactParts(part: unknown): unknown[] {
  if (!isRecord(part)) return [part];
  if (part['type'] === 'Digits') {
    return [isolated(part['individual_digits'] === true ? '\\p{N}' : '\\p{N}+')];
  }
  if (part['type'] === 'ByteLevel' && part['use_regex'] !== false) {
    return [isolated(GPT2_PATTERN), { ...part, use_regex: false }];
  }
  return [part];
}

function isolated(pattern: string): JsonRecord {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}
