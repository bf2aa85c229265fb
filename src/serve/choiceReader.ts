/** Reads one text of the engine: tokens to characters, stop strings, thoughts and calls. */
import type { EngineEvent } from '../engine/index.ts';
import { StopText, type ReplyEvent } from '../model/index.ts';
import type { EndReason, GenerationRequest, Piece, TokenReport } from './generation.ts';
import type { Service } from './service.ts';

/** What takes a text apart: `ReplyParser` of a chat, or PLAIN_READER. */
export interface ReplyReader {
  push(text: string): ReplyEvent[];
  end(): ReplyEvent[];
}

/** All is content. */
export const PLAIN_READER: ReplyReader = {
  push: (text) => (text === '' ? [] : [{ kind: 'content', text }]),
  end: () => [],
};

type TokenEvent = EngineEvent & { readonly kind: 'token' };
type FinishedEvent = EngineEvent & { readonly kind: 'finished' };

export class ChoiceReader {
  readonly #request: GenerationRequest;
  readonly #choice: number;
  readonly #decoder;
  readonly #eosTokenIds: readonly number[];
  readonly #stops: StopText;
  readonly #reader: ReplyReader;
  /** Tokens whose text is not sent yet. */
  #unsent: TokenReport[] = [];
  #thinking = false;
  #answering = false;
  #reasoningTokens = 0;
  #calls = 0;
  #stopped = false;

  constructor({ model, generation }: Service, request: GenerationRequest, choice: number) {
    this.#request = request;
    this.#choice = choice;
    this.#decoder = model.tokenizer.stream({ skipSpecial: true });
    this.#eosTokenIds = generation.eosTokenIds;
    this.#stops = new StopText(request.stop);
    this.#reader = request.startReader();
  }

  /** Whether the text has ended although the model would go on. */
  get stopped(): boolean {
    return this.#stopped;
  }

  token(event: TokenEvent): Piece[] {
    if (this.#stopped || this.#eosTokenIds.includes(event.token)) return [];
    if (this.#request.logprobs !== undefined) this.#unsent.push(reportOf(event));
    const text = this.#stops.push(this.#decoder.push(event.token));
    this.#stopped = this.#stops.found !== undefined;
    const read = [...this.#reader.push(text), ...(this.#stopped ? this.#reader.end() : [])];
    const parts = this.#cut(read);
    this.#count(parts);
    return parts.length === 0 ? [] : [this.#piece(parts)];
  }

  finished({ reason, usage }: FinishedEvent): Piece[] {
    // Before the rest is read: a call that the limit cuts short is ended there, and is none to carry out.
    const isCut = !this.#stopped && (reason === 'length' || reason === 'context');
    const parts = this.#stopped ? [] : this.#rest();
    const last = parts.length > 0 || this.#unsent.length > 0 ? [this.#piece(parts)] : [];
    const counted = { ...usage, reasoningTokens: this.#reasoningTokens };
    return [
      ...last,
      { kind: 'end', choice: this.#choice, reason: this.#endReason(isCut), usage: counted },
    ];
  }

  /** What was held back; a stop string may still be in it. */
  #rest(): readonly ReplyEvent[] {
    const text = this.#stops.push(this.#decoder.end()) + this.#stops.end();
    const parts = this.#cut([...this.#reader.push(text), ...this.#reader.end()]);
    this.#count(parts);
    return parts;
  }

  /** All parts, or those to the end of the first call if there may be only one. */
  #cut(parts: readonly ReplyEvent[]): readonly ReplyEvent[] {
    const end = parts.findIndex(({ kind }) => kind === 'callEnd');
    if (!this.#request.oneCall || end < 0) return parts;
    this.#stopped = true;
    return parts.slice(0, end + 1);
  }

  #count(parts: readonly ReplyEvent[]): void {
    this.#thinking ||= parts.some(({ kind }) => kind === 'reasoning');
    this.#answering ||= parts.some(({ kind }) => kind !== 'reasoning');
    if (this.#thinking && !this.#answering) this.#reasoningTokens++;
    this.#calls += parts.filter(({ kind }) => kind === 'callBegin').length;
  }

  #piece(parts: readonly ReplyEvent[]): Piece {
    const tokens = this.#unsent;
    this.#unsent = [];
    return { kind: 'parts', choice: this.#choice, parts, tokens };
  }

  #endReason(isCut: boolean): EndReason {
    if (isCut) return 'length';
    return this.#calls > 0 ? 'tool_calls' : 'stop';
  }
}

function reportOf({ token, logprob, top = [] }: TokenEvent): TokenReport {
  return { token, logprob: logprob!, top };
}
