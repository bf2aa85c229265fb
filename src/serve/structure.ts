/** Answers that must be JSON of a schema. */
import { z } from 'zod';
import type { TokenConstraint } from '../engine/index.ts';
import { Grammar, Vocabulary } from '../grammar/index.ts';
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

const VOCABULARIES = new WeakMap<Tokenizer, Vocabulary>();

/**
 * Starts the constraint of one answer to `prompt`. A model that begins by thinking may think; the answer is
 * what comes after. Throws what the grammar throws for a schema that it cannot serve.
 */
export function constraintOf(
  schema: unknown,
  prompt: string,
  { model, generation }: Service,
): () => TokenConstraint {
  const grammar = Grammar.ofSchema(schema);
  const vocabulary = vocabularyOf(model.tokenizer);
  const start = (): TokenConstraint => grammar.constrain(vocabulary, generation.eosTokenIds);
  if (!endsThinking(prompt)) return start;
  const [end, ...more] = model.tokenizer.encode('</think>');
  if (end === undefined || more.length > 0)
    throw unsupported('response_format', 'the model thinks, and no token of it ends a thought');
  return () => new AfterToken(end, start());
}

function vocabularyOf(tokenizer: Tokenizer): Vocabulary {
  const known = VOCABULARIES.get(tokenizer) ?? new Vocabulary(tokenizer.tokenBytes());
  VOCABULARIES.set(tokenizer, known);
  return known;
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
