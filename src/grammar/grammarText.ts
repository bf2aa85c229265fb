/**
 * Grammars as llama.cpp writes them (GBNF [1]): rules `name ::= …` with texts, classes of characters,
 * groups, alternatives and counts; the rule `root` is the whole. A new line means nothing.
 *
 * [1] https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
 */
import { UsageError } from '../base/index.ts';
import { call, Network, oneOf, repeat, sequence, text, type Piece } from './network.ts';
import { characterClass, escapedCharacter, quantifier, Scanner } from './scanner.ts';
import { characters, LAST_CODE_POINT } from './unicode.ts';

const MAX_LENGTH = 65_536;
const MAX_NESTING = 64;
const NAME = /[A-Za-z0-9_-]/;

/** The network of a grammar, and its root rule. Throws UsageError for what is no grammar, CapacityError for one that is too large. */
export function networkOfGrammar(source: string): { network: Network; root: number } {
  if (source.length > MAX_LENGTH) {
    throw new UsageError(
      `a grammar must have at most ${MAX_LENGTH} characters, not ${source.length}`,
      { where: 'grammar' },
    );
  }
  const reader = new GrammarReader(source);
  return { network: reader.network, root: reader.rules() };
}

class GrammarReader {
  readonly network = new Network();
  readonly #scanner: Scanner;
  readonly #rules = new Map<string, number>();
  readonly #defined = new Set<string>();
  #nesting = 0;

  constructor(source: string) {
    this.#scanner = new Scanner(source, 'grammar');
  }

  rules(): number {
    let name = this.#ruleStart();
    while (name !== undefined) {
      if (this.#defined.has(name))
        throw this.#scanner.wrong(`there must be one rule ${name}, not two`);
      this.#defined.add(name);
      const { body, next } = this.#alternatives();
      this.network.define(this.#rule(name), body);
      name = next;
    }
    if (!this.#scanner.done) throw this.#scanner.wrong('there must be a rule, NAME ::= …');
    const missing = ['root', ...this.#rules.keys()].find((each) => !this.#defined.has(each));
    if (missing === undefined) return this.#rule('root');
    throw new UsageError(`a grammar must have a rule ${missing}, and has none`, {
      where: 'grammar',
    });
  }

  #ruleStart(): string | undefined {
    this.#space();
    const name = this.#scanner.takeWhile(NAME);
    if (name === '') return undefined;
    this.#space();
    this.#scanner.require('::=');
    return name;
  }

  #rule(name: string): number {
    return this.#rules.getOrInsertComputed(name, () => this.network.rule());
  }

  /** Alternatives up to a ), the end, or the name of the next rule. */
  #alternatives(): { body: Piece; next: string | undefined } {
    const alternatives: Piece[] = [];
    for (;;) {
      const { body, next } = this.#terms();
      alternatives.push(body);
      if (next !== undefined || !this.#scanner.take('|'))
        return { body: oneOf(...alternatives), next };
    }
  }

  #terms(): { body: Piece; next: string | undefined } {
    const terms: Piece[] = [];
    for (;;) {
      this.#space();
      if (this.#scanner.done || '|)'.includes(this.#scanner.peek())) break;
      const name = this.#scanner.takeWhile(NAME);
      this.#space();
      if (name !== '' && this.#scanner.take('::=')) return { body: sequence(...terms), next: name };
      const atom = name === '' ? this.#atom() : call(this.#rule(name));
      this.#space();
      const counts = quantifier(this.#scanner);
      terms.push(counts === undefined ? atom : repeat(atom, ...counts));
    }
    return { body: sequence(...terms), next: undefined };
  }

  #atom(): Piece {
    const scanner = this.#scanner;
    if (scanner.take('"')) return this.#text();
    if (scanner.take('[')) return characters(characterClass(scanner));
    if (scanner.take('.')) return characters([[0, LAST_CODE_POINT]]);
    scanner.require('(');
    if (++this.#nesting > MAX_NESTING)
      throw scanner.wrong(`there must be at most ${MAX_NESTING} ( within each other`);
    const { body, next } = this.#alternatives();
    if (next !== undefined) throw scanner.wrong('a ( must have its )');
    scanner.require(')');
    this.#nesting--;
    return body;
  }

  #text(): Piece {
    let literal = '';
    while (!this.#scanner.take('"')) {
      const character = this.#scanner.next();
      literal +=
        character === '\\' ? String.fromCodePoint(escapedCharacter(this.#scanner)) : character;
    }
    return text(literal);
  }

  /** Space, line ends and comments. */
  #space(): void {
    for (;;) {
      this.#scanner.takeWhile(/\s/);
      if (!this.#scanner.take('#')) return;
      this.#scanner.takeWhile(/[^\n]/);
    }
  }
}
