/**
 * Where texts are in a list. A Map of the hundreds of thousands of a vocabulary takes a tenth of a second to fill, and
 * four times the memory: it keeps the texts again, with their hashes spread over the heap.
 */

const PRIME = 0x01000193;
const BASIS = 0x811c9dc5 | 0;

/** Texts by their place; of several that are alike the last. */
export class TextIndex {
  readonly #texts: readonly (string | undefined)[];
  /** A place plus one where the hash of its text leads, or in the next free cell; zeros between them. */
  readonly #cells: Int32Array;

  /** Places without a text are skipped. The list must not change. */
  constructor(texts: readonly (string | undefined)[]) {
    this.#texts = texts;
    // A list may have few texts at places far apart.
    const count = texts.reduce((sum: number, text) => (text === undefined ? sum : sum + 1), 0);
    this.#cells = new Int32Array(2 ** Math.ceil(Math.log2(2 * count + 2)));
    texts.forEach((text, i) => {
      if (text !== undefined) this.#cells[this.#cellOf(text)] = i + 1;
    });
  }

  /** The place of a text; undefined where it is not in the list. */
  get(text: string): number | undefined {
    const place = this.#cells[this.#cellOf(text)]!;
    return place === 0 ? undefined : place - 1;
  }

  has(text: string): boolean {
    return this.#cells[this.#cellOf(text)] !== 0;
  }

  /** The cell of a text, or the free one where it would be. */
  #cellOf(text: string): number {
    const mask = this.#cells.length - 1;
    for (let cell = hashOf(text) & mask; ; cell = (cell + 1) & mask) {
      const place = this.#cells[cell]!;
      if (place === 0 || this.#texts[place - 1] === text) return cell;
    }
  }
}

/** FNV-1a [1] of units of 16 bits, its upper half mixed into the lower, which alone chooses a cell. [1] RFC 9923 */
function hashOf(text: string): number {
  let hash = BASIS;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return hash ^ (hash >>> 15);
}
