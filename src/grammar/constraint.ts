/** A grammar as what a sampler asks: which tokens may come next. */
import { CeladonError, UsageError } from '../base/index.ts';
import { Automaton, type Progress } from './automaton.ts';
import { networkOfForm, type Form } from './form.ts';
import { networkOfGrammar } from './grammarText.ts';
import { Network } from './network.ts';
import { regularExpression } from './regularExpression.ts';
import { networkOfSchema } from './schema.ts';
import { characters } from './unicode.ts';
import type { Vocabulary } from './vocabulary.ts';

/** A grammar that is ready for use, by any number of texts. */
export class Grammar {
  readonly #automaton: Automaton;

  constructor(automaton: Automaton) {
    this.#automaton = automaton;
  }

  /**
   * Of JSON Schema, parsed; `true` is for any JSON, `{ type: 'object' }` for any JSON object. Throws
   * UnsupportedError, UsageError or CapacityError, as `networkOfSchema` and `Automaton` do.
   */
  static ofSchema(schema: unknown): Grammar {
    return kept(`schema ${written(schema)}`, () => networkOfSchema(schema));
  }

  /** Of JSON between texts of a format. Throws as `ofSchema`. */
  static ofForm(form: Form): Grammar {
    return kept(`form ${written(form)}`, () => networkOfForm(form));
  }

  /** Of a grammar in the words of llama.cpp. Throws UsageError or CapacityError. */
  static ofText(source: string): Grammar {
    return kept(`grammar ${source}`, () => networkOfGrammar(source));
  }

  /** Of all texts in which a regular expression is found. Throws UnsupportedError, UsageError or CapacityError. */
  static ofExpression(source: string): Grammar {
    const network = new Network();
    const root = network.rule();
    network.define(root, regularExpression(source, characters, 'regular expression'));
    return new Grammar(new Automaton(network, root));
  }

  /** For one text; it ends with one of `endTokens`, of which there must be one. */
  constrain(vocabulary: Vocabulary, endTokens: readonly number[]): GrammarConstraint {
    return new GrammarConstraint(this.#automaton, vocabulary, endTokens);
  }
}

/** Grammars of the last requests, with all that has been worked out for them; large ones are not kept. */
const KEPT = new Map<string, Grammar>();
const MAX_KEPT = 16;
const MAX_KEPT_STATES = 5000;

/** A schema as text; nesting that is too deep even for that is what `networkOfSchema` would refuse. */
function written(schema: unknown): string {
  try {
    return JSON.stringify(schema);
  } catch {
    throw new UsageError('a schema must be JSON that is not nested as deep as this', {
      where: 'the schema',
      hint: 'use $defs and $ref',
    });
  }
}

/** The grammar that was made from `source` before, or a new one. */
function kept(source: string, make: () => { network: Network; root: number }): Grammar {
  const known = KEPT.get(source);
  if (known !== undefined) {
    KEPT.delete(source);
    KEPT.set(source, known); // the last one to be forgotten
    return known;
  }
  const { network, root } = make();
  const grammar = new Grammar(new Automaton(network, root));
  if (network.edges.length <= MAX_KEPT_STATES) KEPT.set(source, grammar);
  if (KEPT.size > MAX_KEPT) KEPT.delete(KEPT.keys().next().value!);
  return grammar;
}

/** Follows one text; a `TokenConstraint` of the engine. */
export class GrammarConstraint {
  readonly #automaton: Automaton;
  readonly #vocabulary: Vocabulary;
  readonly #endTokens: readonly number[];
  #progress: Progress;
  #ended = false;

  constructor(automaton: Automaton, vocabulary: Vocabulary, endTokens: readonly number[]) {
    if (endTokens.length === 0) {
      throw new UsageError('a text with a grammar must have an end token, not none', {
        where: 'grammar',
        hint: 'use a model whose generation_config.json names eos_token_id',
      });
    }
    this.#automaton = automaton;
    this.#vocabulary = vocabulary;
    this.#endTokens = endTokens;
    this.#progress = automaton.start;
  }

  /** Whether the text is whole, so that it may end. */
  get complete(): boolean {
    return this.#progress.complete;
  }

  /** Leaves 1 in `allowed`, one for each token, where the token may come next; ends of text when it may end. */
  restrict(allowed: Uint8Array): void {
    const ends = this.#endTokens.map((token) => allowed[token]!);
    if (this.#ended) allowed.fill(0);
    else keepOnly(allowed, this.#vocabulary.mask(this.#automaton, this.#progress));
    if (!this.complete) return;
    for (const [i, token] of this.#endTokens.entries()) allowed[token] = ends[i]!;
  }

  /** Throws CeladonError for a token that may not come. */
  accept(token: number): void {
    if (this.#endTokens.includes(token) && this.complete) {
      this.#ended = true;
      return;
    }
    const next = this.#ended
      ? undefined
      : this.#vocabulary.accept(this.#automaton, this.#progress, token);
    if (next === undefined) {
      throw new CeladonError(`a token must be one that the grammar allows, not ${token}`, {
        where: 'grammar',
      });
    }
    this.#progress = next;
  }
}

/** A model may have more rows of logits than there are tokens, as padding. */
function keepOnly(allowed: Uint8Array, mask: Uint8Array): void {
  const count = Math.min(allowed.length, mask.length);
  for (let token = 0; token < count; token++) allowed[token]! &= mask[token]!;
  allowed.fill(0, count);
}
