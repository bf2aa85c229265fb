/** The threads of a device: this one, and workers that take chunks beside it. */
import { CapacityError, CeladonError } from '../../../base/index.ts';
import type { WasmMemory } from '../../../wasm/index.ts';
import {
  CONTROL,
  makeControl,
  markGone,
  MOST_CALLS,
  ringBell,
  threadWords,
  wordsOf,
  type ThreadWords,
} from './control.ts';
import { openKernels, type KernelSet, type KernelSource } from './kernelSet.ts';
import { spawnWorker, type WorkerHandle } from './spawn.node.ts';
import { makeTimes, type Times } from './times.ts';
import { nextRun, resetTally } from './tally.ts';
import { Walker } from './walk.ts';
import { ReadyWork, type Work } from './calls.ts';
import type { Letter } from './work.ts';

/** Runs programs. */
export interface Runner {
  /**
   * Begins `work` on the slots from `slot` on, which other threads may do while this one does something else. What is
   * returned does what is left, and gives the times of all chunks, where they are asked for; until then nothing else
   * may be run.
   */
  begin(work: Work, slot: number): () => Times | undefined;
  close(): void;
}

/** Chunks of the programs that threads keep ready: some hundred bytes each, in objects or in tables of a route. */
const MOST_READY_CHUNKS = 1 << 18;

interface Known {
  readonly id: number;
  readonly ready: ReadyWork;
  readonly times: Times | undefined;
  readonly chunks: number;
}

/** This thread and `threads` − 1 workers, on a shared memory where there are any. */
export class ThreadPool implements Runner {
  readonly #kernels: KernelSet;
  readonly #timed: boolean;
  readonly #control: WasmMemory;
  /** All words of it, and those of this thread. */
  readonly #shared: Int32Array;
  readonly #words: ThreadWords;
  readonly #workers: readonly WorkerHandle[];
  readonly #walker: Walker;
  /** The longest unused first. */
  readonly #known = new Map<Work, Known>();
  #readyChunks = 0;
  #run = 0;
  #programs = 0;
  /** Why no run can end any more. */
  #lost: unknown;

  constructor(source: KernelSource, threads: number, timed: boolean) {
    this.#timed = timed;
    this.#control = makeControl(threads);
    this.#shared = wordsOf(this.#control);
    this.#words = threadWords(this.#control, 0);
    this.#kernels = openKernels(source, this.#control, 0);
    this.#walker = new Walker(0, this.#control);
    this.#workers = Array.from({ length: threads - 1 }, (_, i) => {
      const worker = spawnWorker(() => markGone(this.#control, i + 1));
      worker.post({ kind: 'start', thread: i + 1, kernels: source, control: this.#control });
      return worker;
    });
  }

  /**
   * Its end throws what a kernel throws, after which the device can go on; and CeladonError, then and at every later
   * beginning, when a thread is gone that had a part of a step.
   */
  begin(work: Work, slot: number): () => Times | undefined {
    if (this.#lost !== undefined) throw this.#lost;
    const { id, ready, times } = this.#readied(work);
    ready.moveTo(slot);
    this.#run = nextRun(this.#run);
    resetTally(this.#words, ready.tasks.length, this.#run);
    Atomics.store(this.#shared, CONTROL.program, id);
    Atomics.store(this.#shared, CONTROL.slot, slot);
    Atomics.store(this.#shared, CONTROL.run, this.#run);
    ringBell(this.#shared);
    return () => {
      this.#end(ready);
      return times;
    };
  }

  #end(ready: ReadyWork): void {
    this.#walk(ready);
    if (Atomics.exchange(this.#shared, CONTROL.failed, 0) === 0) return;
    throw (
      this.#walker.takeError() ??
      new CeladonError('a kernel must end, but stopped in a worker of the cpu target', {
        hint: 'run with one thread to see where, and report it',
      })
    );
  }

  close(): void {
    for (const worker of this.#workers) worker.end();
    this.#known.clear();
  }

  /** Where a thread is lost the others are told to leave: the run is over. */
  #walk(ready: ReadyWork): void {
    try {
      this.#walker.walk(ready, this.#run);
    } catch (error) {
      resetTally(this.#words, ready.tasks.length, 0);
      throw (this.#lost = error);
    }
  }

  #readied(work: Work): Known {
    const known = this.#known.get(work) ?? this.#introduce(work);
    this.#known.delete(work);
    this.#known.set(work, known);
    return known;
  }

  /** Throws CapacityError for a program that threads have no room for. */
  #introduce(work: Work): Known {
    if (work.tasksOfCall.length > MOST_CALLS) {
      throw new CapacityError(
        `a program must have at most ${MOST_CALLS} calls, not ${work.tasksOfCall.length}`,
        { hint: 'use a model with fewer layers' },
      );
    }
    const id = ++this.#programs;
    const chunks = work.stepOfChunk.length;
    const times = this.#timed ? makeTimes(chunks, this.#workers.length > 0) : undefined;
    const ready = new ReadyWork(this.#kernels, work, 0, times);
    this.#post({ kind: 'program', id, times, work });
    this.#readyChunks += chunks;
    this.#makeRoom();
    return { id, times, chunks, ready };
  }

  /** Forgets what was not run for longest. */
  #makeRoom(): void {
    for (const [work, { id, chunks }] of this.#known) {
      if (this.#readyChunks <= MOST_READY_CHUNKS) return;
      this.#known.delete(work);
      this.#readyChunks -= chunks;
      this.#post({ kind: 'forget', id });
    }
  }

  /** Workers read letters when they see that there are more than they have read. */
  #post(letter: Letter): void {
    for (const worker of this.#workers) worker.post(letter);
    Atomics.add(this.#shared, CONTROL.letters, 1);
    ringBell(this.#shared);
  }
}
