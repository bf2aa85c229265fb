/**
 * Encodes long texts on a thread of their own. The tokenizer takes seconds for hundreds of kilobytes,
 * above all where a text has no spaces, and the answers of others would wait.
 */
import { Worker } from 'node:worker_threads';
import { ApiError } from './apiError.ts';

/** Texts that may wait for each other. */
const MAX_WAITING = 16;

interface Waiting {
  readonly resolve: (tokens: number[]) => void;
  readonly reject: (error: Error) => void;
}

export class LongTexts {
  readonly #model: string;
  #worker: Worker | undefined;
  /** In the order in which they were sent, which is that of the answers. */
  #waiting: Waiting[] = [];

  /** `model`: the folder or file of the model; it is opened when the first text comes. */
  constructor(model: string) {
    this.#model = model;
  }

  /** Throws ApiError (429) when too many texts wait. */
  async encode(text: string): Promise<number[]> {
    if (this.#waiting.length >= MAX_WAITING)
      throw new ApiError(429, 'too many long texts wait; try again soon', { code: 'queue_full' });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker ??= this.#start();
      this.#worker.ref();
      this.#worker.postMessage(text);
    });
  }

  #start(): Worker {
    const file = new URL('./encoderThread.node.ts', import.meta.url);
    const worker = new Worker(file, { workerData: this.#model });
    worker.on('message', (tokens: number[]) => {
      this.#waiting.shift()!.resolve(tokens);
      if (this.#waiting.length === 0) worker.unref(); // an idle thread keeps no process alive
    });
    worker.on('error', (error: Error) => {
      this.#worker = undefined;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
    return worker;
  }
}
