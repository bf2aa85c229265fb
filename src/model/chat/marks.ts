/**
 * Finds marks in text that comes in pieces.
 *
 * What is found does not depend on how the text was cut: an end that may be the beginning of a mark is
 * held back until more text decides.
 */

/** Text between marks, a mark, or the end of all text. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'mark'; readonly text: string }
  | { readonly kind: 'end'; readonly text: '' };

/** A step of reading: asks for the next piece by the marks that count, and ends with a result. */
export type Reading<R> = Generator<readonly string[], R, Piece>;

const END: Piece = { kind: 'end', text: '' };

export class MarkScanner {
  #buffer = '';
  #final = false;

  push(text: string): void {
    this.#buffer += text;
  }

  /** No more text will come. */
  finish(): void {
    this.#final = true;
  }

  /** Put text back, to be read again. */
  unread(text: string): void {
    this.#buffer = text + this.#buffer;
  }

  /** The next piece, or undefined until more text is pushed. */
  next(marks: readonly string[]): Piece | undefined {
    if (this.#buffer === '') return this.#final ? END : undefined;
    const found = firstMark(this.#buffer, marks);
    const held = this.#final ? this.#buffer.length : heldFrom(this.#buffer, marks);
    if (found?.at === 0 && held > 0) return this.#take('mark', found.mark.length);
    const end = Math.min(found?.at ?? this.#buffer.length, held);
    return end > 0 ? this.#take('text', end) : undefined;
  }

  #take(kind: 'text' | 'mark', length: number): Piece {
    const text = this.#buffer.slice(0, length);
    this.#buffer = this.#buffer.slice(length);
    return { kind, text };
  }
}

/** The mark that begins first; of several at one place, the longest. */
function firstMark(
  text: string,
  marks: readonly string[],
): { readonly at: number; readonly mark: string } | undefined {
  let first: { at: number; mark: string } | undefined;
  for (const mark of marks) {
    const at = text.indexOf(mark);
    if (at < 0) continue;
    if (!first || at < first.at || (at === first.at && mark.length > first.mark.length))
      first = { at, mark };
  }
  return first;
}

/** Where the end of the text begins that is the beginning of a mark, not yet complete. */
function heldFrom(text: string, marks: readonly string[]): number {
  const longest = Math.max(0, ...marks.map((mark) => mark.length - 1));
  for (let at = Math.max(0, text.length - longest); at < text.length; at++) {
    const end = text.slice(at);
    if (marks.some((mark) => mark.length > end.length && mark.startsWith(end))) return at;
  }
  return text.length;
}
