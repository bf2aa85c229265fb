/** Reads the head of a file field by field, a window at a time, and never more than its limit. */
import { decodeUtf8, FormatError } from '../../../base/index.ts';
import type { ByteSource } from '../../../base/index.ts';
import { TextList } from '../../textList.ts';

const WINDOW_BYTES = 2 ** 18;
/** Of a length or a count, a u64. */
const LENGTH_BYTES = 8;

/** Texts that are checked at once: a string of all would stay until V8 collects all its garbage. */
const CHECKED_TEXTS = 512;

/** What to do about a GGUF file that is wrong. */
export const GET_AGAIN = 'get the file again: it is cut short, damaged, or no GGUF file';

export class Cursor {
  readonly source: ByteSource;
  readonly #limit: number;
  #position = 0;
  #windowStart = 0;
  #window = new Uint8Array(0);
  #view = new DataView(this.#window.buffer);

  /** Reads at most `limitBytes` from the start of the source. */
  constructor(source: ByteSource, limitBytes: number) {
    this.source = source;
    this.#limit = Math.min(limitBytes, source.sizeBytes);
  }

  get position(): number {
    return this.#position;
  }

  /** Bytes that are left before the limit. */
  get left(): number {
    return this.#limit - this.#position;
  }

  /** Throws FormatError unless `bytes` more can be read for `what`. */
  require(bytes: number, what: string): void {
    if (bytes <= this.left) return;
    throw new FormatError(
      `${what} must end within the first ${this.#limit} bytes of the file, not take ${bytes} bytes from ${this.#position}`,
      { where: this.source.name, hint: GET_AGAIN },
    );
  }

  u32(what: string): number {
    return this.take(4, what, (view, at) => view.getUint32(at, true));
  }

  /** A u64 that must be at most `most`, which is a safe integer. */
  count(most: number, what: string): number {
    this.require(LENGTH_BYTES, what);
    const at = this.#advance(LENGTH_BYTES);
    const value = this.#view.getUint32(at, true) + 2 ** 32 * this.#view.getUint32(at + 4, true);
    if (value <= most) return value;
    const exact = this.#view.getBigUint64(at, true);
    throw new FormatError(`${what} must be at most ${most}, not ${exact}`, {
      where: this.source.name,
      hint: GET_AGAIN,
    });
  }

  /** UTF-8 text after its length in bytes. */
  text(mostBytes: number, what: string): string {
    const length = this.count(mostBytes, `the length of ${what}`);
    this.require(length, what);
    const bytes = this.#bytes(length);
    return decodeUtf8(bytes, `${what} in ${this.source.name}`);
  }

  /** `count` texts of UTF-8, each after its length. */
  texts(count: number, mostBytes: number, what: string): TextList {
    const first = this.#position;
    const [starts, ends] = [new Int32Array(count), new Int32Array(count)];
    for (let i = 0; i < count; i++) {
      const length = this.count(mostBytes, 'the length of a text');
      this.require(length, what);
      starts[i] = this.#position - first;
      this.#position += length;
      ends[i] = this.#position - first;
    }
    const bytes = this.source.read(first, this.#position - first);
    // Lengths become characters, so that no text can go on in the next, and many are checked at once.
    for (const start of starts) bytes.fill(0, start - LENGTH_BYTES, start);
    for (let i = 0; i < count; i += CHECKED_TEXTS) {
      const some = bytes.subarray(starts[i], ends[Math.min(i + CHECKED_TEXTS, count) - 1]);
      decodeUtf8(some, `${what} in ${this.source.name}`);
    }
    return new TextList(bytes, starts, ends);
  }

  /** A value of `bytes` bytes. */
  take<T>(bytes: number, what: string, read: (view: DataView, at: number) => T): T {
    this.require(bytes, what);
    const at = this.#advance(bytes);
    return read(this.#view, at);
  }

  /** `count` values of `bytes` bytes. */
  list<T>(
    count: number,
    bytes: number,
    what: string,
    read: (view: DataView, at: number) => T,
  ): T[] {
    this.require(count * bytes, what);
    return Array.from({ length: count }, () => this.take(bytes, what, read));
  }

  /** The next bytes, which are before the limit; valid until the next read. */
  #bytes(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#window.subarray(at, at + length);
  }

  /** Where the next bytes are in the window. */
  #advance(length: number): number {
    if (this.#position + length > this.#windowStart + this.#window.length) this.#fill(length);
    const at = this.#position - this.#windowStart;
    this.#position += length;
    return at;
  }

  #fill(least = 0): void {
    this.#windowStart = this.#position;
    const length = Math.min(Math.max(WINDOW_BYTES, least), this.left);
    this.#window = this.source.read(this.#position, length);
    this.#view = new DataView(this.#window.buffer);
  }
}
