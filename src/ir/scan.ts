import { FormatError } from '../base/index.ts';

const MAX_SHOWN = 30;

/** Takes a line apart from left to right; failures name the file, the line and, if useful, the column. */
export class LineScanner {
  readonly #line: string;
  readonly #where: string;
  #at = 0;

  constructor(line: string, where: string) {
    this.#line = line;
    this.#where = where;
  }

  follows(text: string): boolean {
    return this.#line.startsWith(text, this.#at);
  }

  /** Takes what the sticky `pattern` matches; otherwise fails, having expected `requirement`. */
  take(pattern: RegExp, requirement: string): string {
    pattern.lastIndex = this.#at;
    const [match] = pattern.exec(this.#line) ?? [];
    if (match === undefined) return this.#failHere(requirement);
    this.#at += match.length;
    return match;
  }

  /** Takes what the sticky `pattern` matches, as JSON. */
  json(pattern: RegExp, requirement: string): unknown {
    const start = this.#at;
    const text = this.take(pattern, requirement);
    try {
      return JSON.parse(text);
    } catch {
      this.#at = start;
      return this.#failHere(requirement);
    }
  }

  /** Takes all that is left. */
  rest(): string {
    const rest = this.#line.slice(this.#at);
    this.#at = this.#line.length;
    return rest;
  }

  /** Requires that nothing is left. */
  end(): void {
    if (this.#at < this.#line.length) this.#failHere('the end of the line');
  }

  /** Where the line is. */
  get where(): string {
    return this.#where;
  }

  /** The line does not make sense as a whole. */
  fail(message: string): never {
    throw new FormatError(message, { where: this.#where });
  }

  #failHere(requirement: string): never {
    const rest = this.#line.slice(this.#at);
    const shown = rest.length > MAX_SHOWN ? `${rest.slice(0, MAX_SHOWN)}…` : rest;
    const found = rest === '' ? 'the end of the line' : JSON.stringify(shown);
    throw new FormatError(`here must be ${requirement}, not ${found}`, {
      where: `${this.#where}:${this.#at + 1}`,
    });
  }
}
