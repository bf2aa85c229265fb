/** The roofline of the machine, and tasks beside it. */
import { Worker } from 'node:worker_threads';
import { createMemory } from '../../src/wasm/index.ts';
import { median } from '../table.ts';
import { PEAK, READ, Runner, type Task } from './runner.ts';

const MEMORY_BYTES = 2 ** 29;
const READ_BYTES = MEMORY_BYTES / 2;
const SAMPLES = 7;

export interface Limits {
  readonly read: number;
  readonly peak: number;
}

/** Threads that each do a part of a task at the same time. */
export class Pool {
  readonly threads: number;
  readonly #own: Runner;
  readonly #control = new Int32Array(new SharedArrayBuffer(16));
  readonly #workers: readonly Worker[];

  static async open(threads: number): Promise<Pool> {
    const pool = new Pool(threads);
    await Promise.all(
      pool.#workers.map((worker) => new Promise((done) => worker.once('message', done))),
    );
    return pool;
  }

  private constructor(threads: number) {
    const memory = createMemory({ initial: MEMORY_BYTES / 65536, maximum: 65535, shared: true });
    this.threads = threads;
    this.#own = new Runner(memory, 0, threads);
    this.#own.fill();
    this.#workers = Array.from({ length: threads - 1 }, (_, i) => {
      const workerData = { memory, part: i + 1, parts: threads, control: this.#control };
      return new Worker(new URL('worker.ts', import.meta.url), { workerData });
    });
  }

  /** Until the last part is done. */
  seconds(task: Task): number {
    for (const worker of this.#workers) worker.postMessage(task);
    const ready = this.#workers.length;
    while (Atomics.load(this.#control, 0) < ready);
    Atomics.store(this.#control, 1, 0);
    Atomics.store(this.#control, 0, 0);
    this.#control[2] = this.#own.microseconds(task);
    while (Atomics.load(this.#control, 1) < ready);
    return Math.max(...this.#control.subarray(2)) / 1e6;
  }

  /**
   * What the machine can do at this moment: bytes read and int8 multiply-accumulates a second, of all threads; medians of a
   * few tenths of a second.
   */
  limits(): Limits {
    const task = { M: 1, N: 32, K: 32, times: 1 };
    const seconds = (name: string, bytes: number): number =>
      median(Array.from({ length: SAMPLES }, () => this.seconds({ ...task, name, bytes })));
    const read = READ_BYTES / seconds(READ, READ_BYTES);
    const peak = PEAK.macs / seconds(PEAK.name, 0);
    return { read, peak: peak * this.threads };
  }

  close(): void {
    for (const worker of this.#workers) void worker.terminate();
  }
}
