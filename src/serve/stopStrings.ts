/** Stop strings in a text that comes in pieces: where one may have begun, the text is held back. */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';

  /** None of `stops` is empty. */
  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Takes more text; returns what is sure to be before any stop string, and whether one was found. */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    const all = this.#held + text;
    const found = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
    if (found.length > 0) {
      this.#held = '';
      return { text: all.slice(0, Math.min(...found)), stopped: true };
    }
    const kept = all.length - this.#beginning(all);
    this.#held = all.slice(kept);
    return { text: all.slice(0, kept), stopped: false };
  }

  /** The text ended; returns what was held back. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }

  /** How many characters at the end of `text` may begin a stop string. */
  #beginning(text: string): number {
    const longest = Math.max(0, ...this.#stops.map((stop) => stop.length - 1));
    for (let count = Math.min(longest, text.length); count > 0; count--) {
      const end = text.slice(-count);
      if (this.#stops.some((stop) => stop.startsWith(end))) return count;
    }
    return 0;
  }
}
