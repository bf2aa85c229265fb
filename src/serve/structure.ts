/** Answers that must be JSON of a schema. */
import { z } from 'zod';
import { RecentMap } from '../base/index.ts';
import type { TokenConstraint } from '../engine/index.ts';
import { Grammar, textsOf, Vocabulary, type Form } from '../grammar/index.ts';
import { endsThinking, type Tokenizer } from '../model/index.ts';
import { ApiError, unsupported } from './apiError.ts';
import type { Service } from './service.ts';
import { flag } from './settings.ts';

const text = z.string('a text');

/** What a body says of the form of the answer; in responses, name and schema stand beside the type. */
export const responseFormat = z.looseObject({ type: text }, 'an object');

const jsonSchema = z.object(
  { name: text, description: text.nullish(), strict: flag, schema: z.unknown() },
  'an object',
);

/** The schema of the answer, if it must have one; `param` is where `format` stands in the body. */
export function schemaOf(
  format: z.output<typeof responseFormat> | null | undefined,
  param: string,
): unknown {
  const { type = 'text', ...rest }: { readonly type?: string; readonly [field: string]: unknown } =
    format ?? {};
  if (type === 'text') return undefined;
  if (type === 'json_object') return { type: 'object' };
  if (type !== 'json_schema')
    throw unsupported(param, `it must be text, json_object or json_schema`);
  const given = jsonSchema.safeParse(rest['json_schema'] ?? rest);
  if (given.success) return given.data.schema ?? { type: 'object' };
  throw new ApiError(400, `${param} must have a name and a schema`, {
    param,
    code: 'invalid_value',
  });
}

/** Of each tokenizer, by the texts of a format in which its added tokens may come. */
const VOCABULARIES = new WeakMap<Tokenizer, RecentMap<string, Vocabulary>>();
const MOST_VOCABULARIES = 8;

/**
 * Starts the constraint of one answer to `prompt`. A model that begins by thinking may think; the answer is
 * what comes after. Throws what the grammar throws for a schema that it cannot serve.
 */
export function constraintOf(
  form: Form,
  prompt: string,
  { model, generation }: Service,
): () => TokenConstraint {
  const grammar = Grammar.ofForm(form);
  const vocabulary = vocabularyOf(model.tokenizer, marksOf(form, model.tokenizer));
  const start = (): TokenConstraint => grammar.constrain(vocabulary, generation.eosTokenIds);
  if (!endsThinking(prompt)) return start;
  const [end, ...more] = model.tokenizer.encode('</think>');
  if (end === undefined || more.length > 0)
    throw unsupported('response_format', 'the model thinks, and no token of it ends a thought');
  return () => new AfterToken(end, start());
}

/** The added tokens in the texts of a form. */
function marksOf(form: Form, tokenizer: Tokenizer): string[] {
  const texts = textsOf(form);
  const marks = tokenizer.addedTexts().filter((mark) => texts.some((text) => text.includes(mark)));
  return [...new Set(marks)].toSorted();
}

function vocabularyOf(tokenizer: Tokenizer, marks: readonly string[]): Vocabulary {
  const known = VOCABULARIES.get(tokenizer) ?? new RecentMap<string, Vocabulary>(MOST_VOCABULARIES);
  VOCABULARIES.set(tokenizer, known);
  const key = marks.join('\0');
  const vocabulary = known.get(key) ?? new Vocabulary(tokenizer.tokenBytes(marks));
  known.set(key, vocabulary);
  return vocabulary;
}

/** Anything to the first `token`, then what `then` says. */
class AfterToken implements TokenConstraint {
  readonly #token: number;
  readonly #then: TokenConstraint;
  #begun = false;

  constructor(token: number, then: TokenConstraint) {
    this.#token = token;
    this.#then = then;
  }

  restrict(allowed: Uint8Array): void {
    if (this.#begun) this.#then.restrict(allowed);
  }

  accept(token: number): void {
    if (this.#begun) this.#then.accept(token);
    this.#begun ||= token === this.#token;
  }
}
