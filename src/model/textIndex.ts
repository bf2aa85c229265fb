/**
 * Where texts are in a list. A Map of the hundreds of thousands of a vocabulary takes a tenth of a second to fill, and
 * many times the memory: it keeps each text as a string, with its hash spread over the heap.
 */
import { MOST_BYTES, writeUtf8, type TextList } from './textList.ts';

const PRIME = 0x01000193;
const BASIS = 0x811c9dc5 | 0;

/** Texts by their place; of several that are alike the last. */
export class TextIndex {
  readonly #texts: TextList;
  /** A place plus one where the hash of its text leads, or in the next free cell; zeros between them. */
  readonly #cells: Int32Array;
  /** The bytes of a text that is looked up. */
  #sought = new Uint8Array(256);

  /** Places without a text are skipped. */
  constructor(texts: TextList) {
    this.#texts = texts;
    const { bytes, starts, ends } = texts;
    // A list may have few texts at places far apart.
    const count = starts.reduce((sum, start) => (start < 0 ? sum : sum + 1), 0);
    this.#cells = new Int32Array(2 ** Math.ceil(Math.log2(2 * count + 2)));
    for (let i = 0; i < starts.length; i++) {
      const start = starts[i]!;
      if (start >= 0) this.#cells[this.#cellOf(bytes, start, ends[i]!)] = i + 1;
    }
  }

  /** The place of a text; undefined where it is not in the list. */
  get(text: string): number | undefined {
    const most = MOST_BYTES * text.length;
    if (most > this.#sought.length) this.#sought = new Uint8Array(2 * most);
    const end = writeUtf8(text, this.#sought, 0);
    const place = this.#cells[this.#cellOf(this.#sought, 0, end)]!;
    return place === 0 ? undefined : place - 1;
  }

  has(text: string): boolean {
    return this.get(text) !== undefined;
  }

  /** The cell of a text, or the free one where it would be. */
  #cellOf(bytes: Uint8Array, start: number, end: number): number {
    const mask = this.#cells.length - 1;
    for (let cell = hashOf(bytes, start, end) & mask; ; cell = (cell + 1) & mask) {
      const place = this.#cells[cell]!;
      if (place === 0 || this.#isAt(place - 1, bytes, start, end)) return cell;
    }
  }

  #isAt(place: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { bytes: own, starts, ends } = this.#texts;
    const first = starts[place]!;
    if (ends[place]! - first !== end - start) return false;
    for (let i = start; i < end; i++) if (bytes[i] !== own[first + i - start]) return false;
    return true;
  }
}

/** FNV-1a [1] of bytes, its upper half mixed into the lower, which alone chooses a cell. [1] RFC 9923 */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = BASIS;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, PRIME);
  return hash ^ (hash >>> 15);
}
