/** Stop strings in a text that comes in pieces: they may begin in one piece and end in another. */
import { UsageError } from '../base/index.ts';

const MAX_STOPS = 16;
const MAX_LENGTH = 1024;

/** Holds back what could be the beginning of a stop string, and cuts the text where one begins. */
export class StopText {
  readonly #stops: readonly string[];
  /** The end of the text so far, in which a stop string may have begun. */
  #held = '';
  #found: string | undefined;

  /** Throws UsageError for an empty stop string, one of more than 1,024 characters, or more than 16. */
  constructor(stops: readonly string[]) {
    requireStops(stops);
    this.#stops = stops;
  }

  /** The stop string that ended the text; nothing comes after it. */
  get found(): string | undefined {
    return this.#found;
  }

  /** Takes a piece and returns the text that is certain now, without the stop string. */
  push(piece: string): string {
    if (this.#found !== undefined) return '';
    const text = this.#held + piece;
    const at = this.#firstStop(text);
    const safe = at ?? text.length - this.#begunLength(text);
    this.#held = at === undefined ? text.slice(safe) : '';
    return text.slice(0, safe);
  }

  /** What was held back, when the text ends without a stop string. */
  end(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }

  /** Where the stop string that is complete first begins; of several complete at one place, the longest. */
  #firstStop(text: string): number | undefined {
    let [end, start] = [Infinity, Infinity];
    for (const stop of this.#stops) {
      const at = text.indexOf(stop);
      const stopEnd = at + stop.length;
      if (at < 0 || stopEnd > end || (stopEnd === end && at >= start)) continue;
      [end, start] = [stopEnd, at];
      this.#found = stop;
    }
    return this.#found === undefined ? undefined : start;
  }

  /** How much of the end of the text some stop string begins with. */
  #begunLength(text: string): number {
    const lengths = this.#stops.map((stop) => {
      let length = Math.min(stop.length - 1, text.length);
      while (length > 0 && !text.endsWith(stop.slice(0, length))) length--;
      return length;
    });
    return Math.max(0, ...lengths);
  }
}

function requireStops(stops: readonly string[]): void {
  const where = 'stop strings';
  if (stops.length > MAX_STOPS) {
    throw new UsageError(`there must be at most ${MAX_STOPS} stop strings, not ${stops.length}`, {
      where,
    });
  }
  const bad = stops.find(({ length }) => length === 0 || length > MAX_LENGTH);
  if (bad === undefined) return;
  throw new UsageError(`a stop string must have 1 to ${MAX_LENGTH} characters, not ${bad.length}`, {
    where,
  });
}
