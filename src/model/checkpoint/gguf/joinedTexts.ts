/**
 * Many texts decoded at once: a call of a decoder costs more than most entries of a vocabulary, and there are hundreds
 * of thousands.
 */
import { decodeUtf8, FormatError } from '../../../base/index.ts';

/** UTF-8 texts, one after another. */
export class JoinedTexts {
  #bytes = new Uint8Array(2 ** 16);
  #length = 0;
  /** Where each text ends, in the units of JavaScript's strings. */
  readonly #ends: Float64Array;
  #count = 0;
  #units = 0;
  #startsWhole = true;

  /** For so many texts. */
  constructor(count: number) {
    this.#ends = new Float64Array(count);
  }

  /** The next text: the bytes of `from` from `start` to `end`. */
  add(from: Uint8Array, start: number, end: number): void {
    if (this.#length + end - start > this.#bytes.length) this.#grow(end - start);
    const joined = this.#bytes;
    let [at, units] = [this.#length, this.#units];
    if (start < end && isContinuation(from[start]!)) this.#startsWhole = false;
    for (let i = start; i < end; i++) {
      const byte = from[i]!;
      joined[at++] = byte;
      if (!isContinuation(byte)) units += byte >= 0xf0 ? 2 : 1;
    }
    this.#length = at;
    this.#units = units;
    this.#ends[this.#count++] = units;
  }

  /** The texts. Throws FormatError naming `where` if one of them is not UTF-8. */
  decode(where: string): string[] {
    // A text that ends within a character would be completed by the next.
    if (!this.#startsWhole) throw new FormatError('texts must be whole in UTF-8', { where });
    const decoded = decodeUtf8(this.#bytes.subarray(0, this.#length), where);
    // Of a file, a mark of byte order at the start is no text; here it is.
    const all = decoded.length < this.#units ? `\ufeff${decoded}` : decoded;
    let start = 0;
    return Array.from(this.#ends, (end) => all.slice(start, (start = end)));
  }

  #grow(least: number): void {
    const larger = new Uint8Array(2 * this.#bytes.length + least);
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
