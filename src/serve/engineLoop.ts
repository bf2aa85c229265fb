/**
 * Steps the engine for as long as it has work, and hands each request its events.
 *
 * Everything runs on one thread: between two steps the loop lets go of it, so that bytes are read and
 * written, requests come in, and those whose client is gone are ended before the next step.
 */
import type { EngineEvent, EngineRequest, ServingEngine } from '../engine/index.ts';
import { ApiError } from './apiError.ts';
import type { Metrics } from './metrics.ts';

export interface EngineLoopOptions {
  readonly metrics: Metrics;
  /** Requests that may wait; one more is refused. */
  readonly waitingRequests: number;
  /** Lets other work of the thread be done. */
  pause(): Promise<void>;
  /** Told what went wrong that no client is told. */
  report(error: unknown): void;
}

/** The events of some requests, in the order in which they come, until all of them have ended. */
export interface Submission extends AsyncIterable<EngineEvent> {
  /** Ends a request, or all of them, within one step. */
  abort(id?: string): void;
}

export class EngineLoop {
  readonly #engine: ServingEngine;
  readonly #options: EngineLoopOptions;
  readonly #queues = new Map<string, EventQueue>();
  readonly #jobs: (() => void)[] = [];
  #running = false;
  #broken = false;

  constructor(engine: ServingEngine, options: EngineLoopOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  get contextTokens(): number {
    return this.#engine.contextTokens;
  }

  get vocabularySize(): number {
    return this.#engine.vocabularySize;
  }

  /** Whether the engine can still be used: a step that fails as a whole leaves it in no known state. */
  get broken(): boolean {
    return this.#broken;
  }

  /** The page of metrics. */
  metrics(): string {
    return this.#options.metrics.text(this.#engine.status());
  }

  /** Adds requests, all or none. Throws ApiError (429) when too many wait, and as the engine's `add`. */
  submit(requests: readonly EngineRequest[]): Submission {
    this.#requireUsable(requests.length);
    const queue = new EventQueue(requests.length);
    const ids = requests.map(({ id }) => id);
    const abort = (id?: string): void => this.#abort(id === undefined ? ids : [id]);
    try {
      for (const request of requests) {
        this.#engine.add(request);
        this.#queues.set(request.id, queue);
        this.#options.metrics.added(request.id);
      }
    } catch (error) {
      abort();
      throw error;
    } finally {
      void this.#run();
    }
    return { [Symbol.asyncIterator]: () => queue.events(), abort };
  }

  /** Does other work with the device's threads between two steps. */
  between<T>(work: () => T): Promise<T> {
    this.#requireUsable(1);
    return new Promise((resolve, reject) => {
      this.#jobs.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
      void this.#run();
    });
  }

  #requireUsable(count: number): void {
    if (this.#broken)
      throw new ApiError(503, 'the engine failed; the server must be started again', {
        code: 'engine_failed',
      });
    const { waitingRequests } = this.#engine.status();
    const most = this.#options.waitingRequests;
    if (waitingRequests + this.#jobs.length + count <= most) return;
    throw new ApiError(429, `${most} requests may wait, and so many do; try again soon`, {
      code: 'queue_full',
    });
  }

  #abort(ids: readonly string[]): void {
    const known = ids.filter((id) => this.#queues.has(id));
    for (const id of known) this.#engine.abort(id);
    if (known.length > 0) void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (;;) {
      await this.#options.pause();
      if (this.#jobs.length === 0 && this.#engine.idle) break;
      this.#jobs.shift()?.();
      this.#step();
    }
    this.#running = false;
  }

  #step(): void {
    try {
      for (const event of this.#engine.step()) this.#deliver(event);
    } catch (error) {
      this.#break(error as Error);
    }
  }

  #deliver(event: EngineEvent): void {
    const { metrics, report } = this.#options;
    metrics.observe(event);
    if (event.kind === 'failed') report(event.error);
    this.#queues.get(event.id)?.push(event);
    if (event.kind !== 'token') this.#queues.delete(event.id);
  }

  #break(error: Error): void {
    this.#broken = true;
    for (const id of [...this.#queues.keys()]) {
      this.#engine.abort(id);
      this.#deliver({ kind: 'failed', id, error });
    }
  }
}

/** Events of requests of which `open` have not ended. */
class EventQueue {
  #open: number;
  #waiting: EngineEvent[] = [];
  #wake: () => void = () => {};

  constructor(open: number) {
    this.#open = open;
  }

  push(event: EngineEvent): void {
    if (event.kind !== 'token') this.#open--;
    this.#waiting.push(event);
    this.#wake();
  }

  async *events(): AsyncGenerator<EngineEvent, void> {
    for (;;) {
      const events = this.#waiting;
      this.#waiting = [];
      for (const event of events) yield event;
      if (this.#waiting.length > 0) continue;
      if (this.#open === 0) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
