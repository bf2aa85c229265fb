/**
 * Many texts in little memory: their bytes one after another, which become strings when they are asked for. A vocabulary has
 * hundreds of thousands, and a text of it uses few.
 */
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Texts by place; a place may be without. */
export class TextList {
  /** UTF-8; a surrogate alone, which only a JavaScript string can have, as the three bytes that it would take. */
  readonly bytes: Uint8Array;
  /** Where each text starts, below 0 where there is none, and where it ends. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;

  constructor(bytes: Uint8Array, starts: Int32Array, ends: Int32Array) {
    this.bytes = bytes;
    this.starts = starts;
    this.ends = ends;
  }

  static of(texts: readonly (string | undefined)[]): TextList {
    const units = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
    const bytes = new Uint8Array(MOST_BYTES * units);
    const [starts, ends] = [new Int32Array(texts.length).fill(-1), new Int32Array(texts.length)];
    let length = 0;
    // A list may have few texts at places far apart, and forEach knows them.
    texts.forEach((text, i) => {
      if (text === undefined) return;
      starts[i] = length;
      ends[i] = length = writeUtf8(text, bytes, length);
    });
    return new TextList(bytes.slice(0, length), starts, ends);
  }

  get length(): number {
    return this.starts.length;
  }

  /** The text at a place; a surrogate alone becomes U+FFFD. */
  at(place: number): string | undefined {
    const start = this.starts[place] ?? -1;
    if (start < 0) return undefined;
    return UTF8.decode(this.bytes.subarray(start, this.ends[place]));
  }

  /** The same list, without a text at these places. */
  without(places: readonly number[]): TextList {
    const starts = this.starts.slice();
    for (const place of places) starts[place] = -1;
    return new TextList(this.bytes, starts, this.ends);
  }

  *[Symbol.iterator](): Generator<string | undefined> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** Of a unit of 16 bits in UTF-8. */
export const MOST_BYTES = 3;

/** Writes a text from a place on, which has room for MOST_BYTES a unit; returns the place after it. */
export function writeUtf8(text: string, bytes: Uint8Array, place: number): number {
  let at = place;
  for (let i = 0; i < text.length; i++) {
    let point = text.charCodeAt(i);
    if (point < 0x80) {
      bytes[at++] = point;
      continue;
    }
    if (point >= 0xd800 && point < 0xdc00) {
      point = text.codePointAt(i)!;
      if (point > 0xffff) i++;
    }
    if (point < 0x800) bytes[at++] = 0xc0 | (point >> 6);
    else {
      if (point < 0x10000) bytes[at++] = 0xe0 | (point >> 12);
      else {
        bytes[at++] = 0xf0 | (point >> 18);
        bytes[at++] = 0x80 | ((point >> 12) & 63);
      }
      bytes[at++] = 0x80 | ((point >> 6) & 63);
    }
    bytes[at++] = 0x80 | (point & 63);
  }
  return at;
}
