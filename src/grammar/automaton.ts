/**
 * Follows a network byte by byte. All ways are followed at once; what they have in common is worked out
 * when it is first needed and kept: a lazily built automaton whose states are sets of places.
 */
import { CapacityError, UsageError } from '../base/index.ts';
import type { Network } from './network.ts';
import { finishingStates } from './reach.ts';

/** Calls within calls; deeper ones are not offered. */
const MAX_DEPTH = 256;
/** Places of one state; an ambiguous grammar could multiply them without end. */
const MAX_PLACES = 4096;
/** States that are kept, some kilobytes each; beyond, all are forgotten. */
const MAX_KEPT = 4096;
/** Places and edges that may be looked at for one token: some tenths of a second. */
const MAX_WORK = 4_000_000;

/** Where to go on after a call; the same object for the same calls. */
class Frame {
  readonly #inner = new Map<number, Frame>();
  readonly id: number;
  readonly depth: number;
  /** Absent outside all calls. */
  readonly caller: { readonly returnTo: number; readonly frame: Frame } | undefined;

  constructor(id: number, caller?: { returnTo: number; frame: Frame }) {
    this.id = id;
    this.caller = caller;
    this.depth = caller === undefined ? 0 : caller.frame.depth + 1;
  }

  inner(returnTo: number, nextId: () => number): Frame {
    return this.#inner.getOrInsertComputed(
      returnTo,
      () => new Frame(nextId(), { returnTo, frame: this }),
    );
  }
}

interface Place {
  readonly state: number;
  readonly frame: Frame;
}

/** How far a text has come. */
export interface Progress {
  /** Whether the text may end here. */
  readonly complete: boolean;
  /** Those from which bytes can be taken. */
  readonly places: readonly Place[];
  /** By byte, as far as it is known; null where there is no way. */
  readonly next: (Progress | null | undefined)[];
}

export class Automaton {
  readonly #network: Network;
  readonly #finishing: Uint8Array;
  readonly #ends: Uint8Array;
  readonly #kept = new Map<string, Progress>();
  #frames = 0;
  #work = 0;
  readonly start: Progress;

  /** Of the rule `root`. Throws UsageError when no text can satisfy it, CapacityError when it is too ambiguous. */
  constructor(network: Network, root: number) {
    this.#network = network;
    this.#finishing = finishingStates(network);
    this.#ends = new Uint8Array(network.edges.length);
    for (const { end } of network.rules) this.#ends[end] = 1;
    const { start } = network.rules[root]!;
    if (this.#finishing[start] === 0) {
      throw new UsageError('a grammar must allow some text that ends, not none', {
        where: 'grammar',
        hint: 'a required part is impossible, or contains itself without end',
      });
    }
    this.start = this.#progress([{ state: start, frame: new Frame(this.#frames++) }]);
  }

  /** Work is counted from here on: an expression can make each byte of each token a state of its own. */
  startWork(): void {
    this.#work = 0;
  }

  #count(work: number): void {
    this.#work += work;
    if (this.#work <= MAX_WORK) return;
    throw new CapacityError('a grammar must be followed with less work for one token', {
      where: 'grammar',
      hint: 'use expressions with fewer ways to read one text',
    });
  }

  /**
   * After one more byte; undefined when it cannot come here. Throws CapacityError as the constructor does,
   * and for too much work since `startWork`.
   */
  step(progress: Progress, byte: number): Progress | undefined {
    const known = progress.next[byte];
    if (known !== undefined) return known ?? undefined;
    const after: Place[] = [];
    for (const { state, frame } of progress.places) {
      this.#count(this.#network.edges[state]!.length);
      for (const { low, high, to } of this.#network.edges[state]!) {
        if (byte >= low && byte <= high && this.#finishing[to] === 1)
          after.push({ state: to, frame });
      }
    }
    const next = after.length === 0 ? null : this.#progress(after);
    progress.next[byte] = next;
    return next ?? undefined;
  }

  /** Follows jumps, calls and returns. */
  #progress(from: readonly Place[]): Progress {
    const places: Place[] = [];
    const seen = new Map<string, Place>();
    let complete = false;
    const visit = (state: number, frame: Frame): void => {
      if (this.#finishing[state] === 1) seen.set(`${state},${frame.id}`, { state, frame });
    };
    for (const { state, frame } of from) visit(state, frame);
    for (const place of seen.values()) {
      requireFew(seen.size);
      const { state, frame } = place;
      const { caller } = frame;
      if (this.#ends[state] === 1) {
        if (caller === undefined) complete = true;
        else visit(caller.returnTo, caller.frame);
      }
      for (const to of this.#network.jumps[state]!) visit(to, frame);
      this.#enterCalls(place, visit);
      if (this.#network.edges[state]!.length > 0) places.push(place);
    }
    this.#count(seen.size);
    return this.#keep(places, complete);
  }

  #enterCalls({ state, frame }: Place, visit: (state: number, frame: Frame) => void): void {
    for (const { rule, to } of this.#network.calls[state]!) {
      if (this.#finishing[to] === 0) continue;
      const { start } = this.#network.rules[rule]!;
      // NOTE: a call at the end of a rule returns where the rule itself would.
      if (this.#ends[to] === 1) visit(start, frame);
      else if (frame.depth < MAX_DEPTH)
        visit(
          start,
          frame.inner(to, () => this.#frames++),
        );
    }
  }

  #keep(places: readonly Place[], complete: boolean): Progress {
    const ids = places.map(({ state, frame }) => `${state},${frame.id}`).toSorted();
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    return this.#kept.getOrInsertComputed(`${complete}${ids.join(' ')}`, () => ({
      complete,
      places,
      next: new Array<Progress | null | undefined>(256),
    }));
  }
}

function requireFew(places: number): void {
  if (places <= MAX_PLACES) return;
  throw new CapacityError(
    `a grammar must have at most ${MAX_PLACES} readings of a text at once, not more`,
    {
      where: 'grammar',
      hint: 'use fewer alternatives that begin alike, and no rule that begins with itself',
    },
  );
}
