/** What a worker does: it reads letters, and takes chunks in every run of a program that it knows. */
import { openKernels, type KernelSet, type KernelSource } from './kernelSet.ts';
import type { Tally } from './tally.ts';
import { CONTROL, routeWords, Walker } from './walk.ts';
import { ReadyWork, type Work } from './calls.ts';

/** The first letter. */
export interface Start {
  readonly kind: 'start';
  /** From 1 on; 0 is the thread that has the workers. */
  readonly thread: number;
  readonly kernels: KernelSource;
  readonly control: Int32Array<SharedArrayBuffer>;
}

export type Letter =
  | { readonly kind: 'program'; readonly id: number; readonly work: Work; readonly tally: Tally }
  | { readonly kind: 'forget'; readonly id: number };

/** Looks at the bell before a worker sleeps: tokens follow each other within some 50 µs. */
const SPINS = 5000;

export class WorkerThread {
  readonly #thread: number;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #kernels: KernelSet;
  readonly #walker: Walker;
  readonly #programs = new Map<number, { ready: ReadyWork; tally: Tally }>();
  #lettersRead = 0;
  #lastRun = 0;

  constructor({ thread, kernels, control }: Start) {
    this.#thread = thread;
    this.#control = control;
    this.#kernels = openKernels(kernels);
    this.#walker = new Walker(thread, control);
  }

  read(letter: Letter): void {
    if (letter.kind === 'forget') this.#programs.delete(letter.id);
    else {
      const { id, tally, work } = letter;
      const words = routeWords(this.#control, tally, this.#thread);
      const ready = new ReadyWork(this.#kernels, work, this.#thread, words);
      this.#programs.set(id, { tally, ready });
      this.#lastRun = 0;
    }
    this.#lettersRead++;
  }

  /** Works until there is a letter to read, for which the thread must go back to its event loop. */
  work(): void {
    const control = this.#control;
    for (;;) {
      const bell = Atomics.load(control, CONTROL.bell);
      if (Atomics.load(control, CONTROL.letters) !== this.#lettersRead) return;
      const run = Atomics.load(control, CONTROL.run);
      if (run !== this.#lastRun) this.#join(run);
      else this.#await(bell);
    }
  }

  #join(run: number): void {
    this.#lastRun = run;
    const program = this.#programs.get(Atomics.load(this.#control, CONTROL.program));
    if (program === undefined) return;
    program.ready.moveTo(Atomics.load(this.#control, CONTROL.slot));
    this.#walker.walk(program.ready, program.tally, run);
  }

  #await(bell: number): void {
    const control = this.#control;
    for (let spin = 0; spin < SPINS; spin++)
      if (Atomics.load(control, CONTROL.bell) !== bell) return;
    Atomics.wait(control, CONTROL.bell, bell);
  }
}
