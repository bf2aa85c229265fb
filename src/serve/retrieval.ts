/** Embeddings and ranking: what runs them, one text at a time between the steps of the engine. */
import { embed, relevance, type ModelRunner } from '../engine/index.ts';
import type { EngineLoop } from './engineLoop.ts';

/** Opened when they are first asked for: each takes the memory of a device. */
export interface RetrievalRunners {
  /** Of a graph with the head `embedding`. */
  embedding(): ModelRunner;
  /** Of a graph that gives the logits of the last token. */
  ranking(): ModelRunner;
}

export class Retrieval {
  readonly #loop: EngineLoop;
  readonly #runners: RetrievalRunners;
  readonly #opened: { embedding?: ModelRunner; ranking?: ModelRunner } = {};

  constructor(loop: EngineLoop, runners: RetrievalRunners) {
    this.#loop = loop;
    this.#runners = runners;
  }

  /** The embedding of each text, in order. Throws what `embed` throws; `signal` ends it between two texts. */
  embedAll(
    texts: readonly (readonly number[])[],
    dimensions: number | undefined,
    signal: AbortSignal,
  ): Promise<Float32Array[]> {
    return this.#each(texts, signal, (tokens) =>
      embed(this.#runner('embedding'), tokens, dimensions),
    );
  }

  /** How likely the model says `yes` rather than `no` after each text, from 0 to 1. */
  rankAll(
    texts: readonly (readonly number[])[],
    answers: { readonly yes: number; readonly no: number },
    signal: AbortSignal,
  ): Promise<number[]> {
    return this.#each(texts, signal, (tokens) =>
      relevance(this.#runner('ranking'), tokens, answers),
    );
  }

  async #each<T>(
    texts: readonly (readonly number[])[],
    signal: AbortSignal,
    run: (tokens: readonly number[]) => T,
  ): Promise<T[]> {
    const results: T[] = [];
    for (const tokens of texts) {
      signal.throwIfAborted();
      results.push(await this.#loop.between(() => run(tokens)));
    }
    return results;
  }

  #runner(kind: keyof RetrievalRunners): ModelRunner {
    return (this.#opened[kind] ??= this.#runners[kind]());
  }
}
