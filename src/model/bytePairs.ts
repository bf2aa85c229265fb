/**
 * Byte-pair encoding of words: of the neighbours that a merge joins, those of the earliest merge are joined first, of
 * several the leftmost.
 *
 * It takes the place of the library's, which spells every merge as JSON before the first word.
 */
import { TextIndex } from './textIndex.ts';
import type { TextList } from './textList.ts';

/** Words that are kept with their pieces, and how long they may be. */
const KEPT_WORDS = 10_000;
const KEPT_LENGTH = 256;

/** A word as a list of pieces, each with the next and the one before it. */
interface Piece {
  text: string;
  before: Piece | undefined;
  next: Piece | undefined;
  /** Where it starts in the word; below 0 when it has become part of another. */
  at: number;
}

/** A piece and its next, as they were when they were found. */
interface Pair {
  readonly rank: number;
  readonly piece: Piece;
  readonly joined: string;
}

/** The entries that words are made of; `spell` is how the vocabulary writes a word. */
export class BytePairs {
  readonly #ids: TextIndex;
  /** "a b" in the order of merging. */
  readonly #merges: TextList;
  readonly #spell: (word: string) => string;
  readonly #isWhole: (spelled: string) => boolean;
  readonly #kept = new Map<string, string[]>();
  #ranks: TextIndex | undefined;

  /** With `ignoreMerges`, words that are entries stay whole. */
  constructor(
    ids: TextIndex,
    merges: TextList,
    ignoreMerges: boolean,
    spell: (word: string) => string,
  ) {
    this.#ids = ids;
    this.#merges = merges;
    this.#spell = spell;
    this.#isWhole = (spelled) => ignoreMerges && ids.has(spelled);
  }

  /** The entries of words; pieces that are none are left out. */
  encode(words: readonly string[]): string[] {
    return words.flatMap((word) => this.#piecesOf(word));
  }

  #piecesOf(word: string): string[] {
    const known = this.#kept.get(word);
    if (known !== undefined) return known;
    const spelled = this.#spell(word);
    const pieces = this.#isWhole(spelled)
      ? [spelled]
      : this.#merge(spelled).filter((piece) => this.#ids.has(piece));
    if (word.length > KEPT_LENGTH) return pieces;
    if (this.#kept.size >= KEPT_WORDS) this.#kept.clear();
    this.#kept.set(word, pieces);
    return pieces;
  }

  #merge(spelled: string): string[] {
    this.#ranks ??= new TextIndex(this.#merges);
    const first = listOf(spelled);
    const pairs = new PairQueue();
    const add = (piece: Piece | undefined): void => {
      if (piece?.next === undefined) return;
      const rank = this.#ranks!.get(`${piece.text} ${piece.next.text}`);
      if (rank !== undefined) pairs.push({ rank, piece, joined: piece.text + piece.next.text });
    };
    for (let piece = first; piece !== undefined; piece = piece.next) add(piece);
    for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
      const { piece, joined } = pair;
      const { next } = piece;
      // Either half may have been joined with another since.
      if (piece.at < 0 || next === undefined || piece.text + next.text !== joined) continue;
      piece.text = joined;
      piece.next = next.next;
      if (next.next !== undefined) next.next.before = piece;
      next.at = -1;
      add(piece.before);
      add(piece);
    }
    const pieces: string[] = [];
    for (let piece = first; piece !== undefined; piece = piece.next) pieces.push(piece.text);
    return pieces;
  }
}

function listOf(word: string): Piece | undefined {
  let first: Piece | undefined;
  let last: Piece | undefined;
  for (const [at, text] of Array.from(word).entries()) {
    const piece: Piece = { text, before: last, next: undefined, at };
    if (last === undefined) first = piece;
    else last.next = piece;
    last = piece;
  }
  return first;
}

/** A heap: the pair of the earliest merge first, of several the leftmost. */
class PairQueue {
  readonly #heap: Pair[] = [];

  push(pair: Pair): void {
    const heap = this.#heap;
    let i = heap.length;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(pair, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = pair;
  }

  pop(): Pair | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}

function isBefore(a: Pair, b: Pair): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.piece.at < b.piece.at);
}
