/** Where the text of a reply goes: what it thinks, or what it says. */

/** Passes text on, without the newlines and spaces that belong to the marks around it. */
export class Channel {
  readonly #emit: (text: string) => void;
  readonly #trims: boolean;
  /** At the start, newlines are dropped; after a call, white space waits for what follows. */
  #state: 'start' | 'text' | 'afterCall';
  #held = '';

  /** `trims`: newlines at both ends are the format's, not the text's. */
  constructor(emit: (text: string) => void, { trims, afterMark }: ChannelOptions) {
    this.#emit = emit;
    this.#trims = trims;
    this.#state = trims && afterMark ? 'start' : 'text';
  }

  push(text: string): void {
    let all = this.#held + text;
    this.#held = '';
    if (this.#state === 'start') all = all.replace(/^\n+/, '');
    if (this.#state === 'afterCall' && all.trim() === '') {
      this.#held = all;
      return;
    }
    if (all === '') return;
    this.#state = 'text';
    const kept = this.#trims ? all.replace(/\n+$/, '') : all;
    this.#held = all.slice(kept.length);
    if (kept !== '') this.#emit(kept);
  }

  /** A call was read: newlines before it are not text. */
  call(): void {
    this.#held = '';
    this.#state = 'afterCall';
  }

  /** The text ended; `byMark`: at a mark, so that newlines before it are not text. */
  end(byMark: boolean): void {
    if (!byMark && this.#state === 'text' && this.#held !== '') this.#emit(this.#held);
    this.#held = '';
  }
}

export interface ChannelOptions {
  readonly trims: boolean;
  /** Whether a mark came before, so that newlines at the start are not text. */
  readonly afterMark: boolean;
}
