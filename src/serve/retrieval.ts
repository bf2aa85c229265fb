/** Embeddings and ranking: what runs them, one text at a time between the steps of the engine. */
import { embed, relevance, type ModelRunner } from '../engine/index.ts';
import type { EngineLoop } from './engineLoop.ts';
import type { Lifetime } from './lifetime.ts';

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

  /** The embedding of each text, in order. Throws what `embed` throws; the end of `lifetime` ends it between two. */
  embedAll(
    texts: readonly (readonly number[])[],
    dimensions: number | undefined,
    lifetime: Lifetime,
  ): Promise<Float32Array[]> {
    return this.#each(texts, lifetime, (tokens) =>
      embed(this.#runner('embedding'), tokens, dimensions),
    );
  }

  /** How likely the model says `yes` rather than `no` after each text, from 0 to 1. */
  rankAll(
    texts: readonly (readonly number[])[],
    answers: { readonly yes: number; readonly no: number },
    lifetime: Lifetime,
  ): Promise<number[]> {
    return this.#each(texts, lifetime, (tokens) =>
      relevance(this.#runner('ranking'), tokens, answers),
    );
  }

  async #each<T>(
    texts: readonly (readonly number[])[],
    lifetime: Lifetime,
    run: (tokens: readonly number[]) => T,
  ): Promise<T[]> {
    const results: T[] = [];
    try {
      for (const tokens of texts) {
        lifetime.signal.throwIfAborted();
        results.push(await this.#loop.between(() => run(tokens)));
      }
    } finally {
      lifetime.end();
    }
    return results;
  }

  #runner(kind: keyof RetrievalRunners): ModelRunner {
    return (this.#opened[kind] ??= this.#runners[kind]());
  }
}
