/** The threads of a device: this one, and workers that take chunks beside it. */
import { CeladonError } from '../../../base/index.ts';
import { openKernels, type KernelSet, type KernelSource } from './kernelSet.ts';
import { spawnWorker, type WorkerHandle } from './spawn.node.ts';
import { runTimed, wordsOfTimes, type Times } from './times.ts';
import { makeTally, nextRun, resetTally, type Tally } from './tally.ts';
import { CONTROL, makeControl, markGone, ringBell, routeWords, Walker } from './walk.ts';
import { ReadyWork, type ReadyTask, type Work } from './calls.ts';
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

/** This thread alone. */
export function singleThread(source: KernelSource, timed: boolean): Runner {
  const kernels = openKernels(source);
  const known = new WeakMap<Work, ReadyWork>();
  return {
    begin: (work, slot) => () => {
      let ready = known.get(work);
      if (ready === undefined) known.set(work, (ready = new ReadyWork(kernels, work, 0)));
      ready.moveTo(slot);
      const times = timed ? new Float64Array(wordsOfTimes(work)) : undefined;
      for (const tasks of ready.calls) for (const task of tasks) runTask(task, times);
      return times;
    },
    close() {},
  };
}

function runTask(task: ReadyTask, times: Times | undefined): void {
  if (times === undefined) for (const chunk of task.chunks) chunk();
  else runTimed(task, times, 0);
}

/** Chunks of the programs that threads keep ready, some hundred bytes each. */
const MOST_READY_CHUNKS = 1 << 18;

interface Known {
  readonly id: number;
  readonly ready: ReadyWork;
  readonly tally: Tally;
  readonly chunks: number;
}

/** This thread and `threads` − 1 workers, on a shared memory. */
export class ThreadPool implements Runner {
  readonly #kernels: KernelSet;
  readonly #timed: boolean;
  readonly #control: Int32Array<SharedArrayBuffer>;
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
    this.#kernels = openKernels(source);
    this.#timed = timed;
    this.#control = makeControl(threads);
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
    const { id, ready, tally } = this.#readied(work);
    ready.moveTo(slot);
    this.#run = nextRun(this.#run);
    resetTally(tally, this.#run);
    Atomics.store(this.#control, CONTROL.program, id);
    Atomics.store(this.#control, CONTROL.slot, slot);
    Atomics.store(this.#control, CONTROL.run, this.#run);
    ringBell(this.#control);
    return () => this.#end(ready, tally);
  }

  #end(ready: ReadyWork, tally: Tally): Times | undefined {
    this.#walk(ready, tally);
    if (Atomics.exchange(this.#control, CONTROL.failed, 0) === 0) return tally.times;
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
  #walk(ready: ReadyWork, tally: Tally): void {
    try {
      this.#walker.walk(ready, tally, this.#run);
    } catch (error) {
      resetTally(tally, 0);
      throw (this.#lost = error);
    }
  }

  #readied(work: Work): Known {
    const known = this.#known.get(work) ?? this.#introduce(work);
    this.#known.delete(work);
    this.#known.set(work, known);
    return known;
  }

  #introduce(work: Work): Known {
    const id = ++this.#programs;
    const tally = makeTally(work.calls.length, this.#timed ? wordsOfTimes(work) : 0);
    this.#post({ kind: 'program', id, tally, work });
    const chunks = work.calls.flat(2).length;
    this.#readyChunks += chunks;
    this.#makeRoom();
    const words = routeWords(this.#control, tally, 0);
    return { id, tally, chunks, ready: new ReadyWork(this.#kernels, work, 0, words) };
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
    Atomics.add(this.#control, CONTROL.letters, 1);
    ringBell(this.#control);
  }
}
