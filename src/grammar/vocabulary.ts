/**
 * Which tokens of a vocabulary can come next. Tokens are walked in the order of their bytes, so that what
 * several begin with is followed once, and a byte that cannot come rules out all that share it.
 */
import type { Automaton, Progress } from './automaton.ts';

/** Masks that are kept; each is as many bytes as there are tokens. */
const MAX_MASKS = 128;

export class Vocabulary {
  readonly size: number;
  readonly #bytes: readonly (Uint8Array | undefined)[];
  /** Tokens that are text, by their bytes; how many bytes each shares with the one before, and the others. */
  readonly #order: Int32Array;
  readonly #shared: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #others: Uint8Array;
  #masks = new Map<Progress, Uint8Array>();

  /** The bytes of each token; undefined for those that are no text, such as the end of a turn. */
  constructor(bytes: readonly (Uint8Array | undefined)[]) {
    this.size = bytes.length;
    this.#bytes = bytes;
    const keys = bytes.map((token) => (token === undefined ? '' : latin1(token)));
    const tokens = [...keys.keys()].filter((token) => keys[token] !== '');
    tokens.sort((a, b) => (keys[a]! < keys[b]! ? -1 : 1));
    this.#order = Int32Array.from(tokens);
    this.#shared = Uint32Array.from(tokens, (token, i) =>
      i === 0 ? 0 : sharedLength(keys[tokens[i - 1]!]!, keys[token]!),
    );
    this.#lengths = Uint32Array.from(tokens, (token) => bytes[token]!.length);
    const others = tokens.map((token, i) => bytes[token]!.subarray(this.#shared[i]));
    this.#others = joined(others);
  }

  /** The progress after a token; undefined when it cannot come here, or is no text. */
  accept(automaton: Automaton, from: Progress, token: number): Progress | undefined {
    const bytes = this.#bytes[token];
    if (bytes === undefined || bytes.length === 0) return undefined;
    let at: Progress | undefined = from;
    for (const byte of bytes) {
      if (at === undefined) return undefined;
      at = automaton.step(at, byte);
    }
    return at;
  }

  /** 1 for each token that can come next; not to be changed. */
  mask(automaton: Automaton, from: Progress): Uint8Array {
    const known = this.#masks.get(from);
    if (known !== undefined) return known;
    if (this.#masks.size >= MAX_MASKS) this.#masks.clear();
    automaton.startWork();
    const mask = this.#walk(automaton, from);
    this.#masks.set(from, mask);
    return mask;
  }

  #walk(automaton: Automaton, from: Progress): Uint8Array {
    const mask = new Uint8Array(this.size);
    const path: Progress[] = [from];
    let valid = 0; // bytes of the last token walked that could come
    let at = 0; // in the bytes that tokens do not share
    for (let i = 0; i < this.#order.length; i++) {
      const token = this.#order[i]!;
      const shared = this.#shared[i]!;
      const end = at + this.#lengths[i]! - shared;
      if (shared <= valid) {
        for (valid = shared; at < end; at++, valid++) {
          const next = automaton.step(path[valid]!, this.#others[at]!);
          if (next === undefined) break;
          path[valid + 1] = next;
        }
        if (at === end) mask[token] = 1;
      }
      at = end;
    }
    return mask;
  }
}

/** Bytes as characters, in whose order texts are sorted fast. */
function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}
