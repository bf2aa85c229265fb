/** What a worker does: it reads letters, and takes chunks in every run of a program that it knows. */
import type { WasmMemory } from '../../../wasm/index.ts';
import { CONTROL, wordsOf } from './control.ts';
import { openKernels, type KernelSet, type KernelSource } from './kernelSet.ts';
import type { Times } from './times.ts';
import { Walker } from './walk.ts';
import { ReadyWork, type Work } from './calls.ts';

/** The first letter. */
export interface Start {
  readonly kind: 'start';
  /** From 1 on; 0 is the thread that has the workers. */
  readonly thread: number;
  readonly kernels: KernelSource;
  readonly control: WasmMemory;
}

export type Letter =
  | {
      readonly kind: 'program';
      readonly id: number;
      readonly work: Work;
      readonly times: Times | undefined;
    }
  | { readonly kind: 'forget'; readonly id: number };

/** Looks at the bell before a worker sleeps: tokens follow each other within some 50 µs. */
const SPINS = 5000;

export class WorkerThread {
  readonly #thread: number;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #kernels: KernelSet;
  readonly #walker: Walker;
  readonly #programs = new Map<number, ReadyWork>();
  #lettersRead = 0;
  #lastRun = 0;

  constructor({ thread, kernels, control }: Start) {
    this.#thread = thread;
    this.#control = wordsOf(control) as Int32Array<SharedArrayBuffer>;
    this.#kernels = openKernels(kernels, control, thread);
    this.#walker = new Walker(thread, control);
  }

  read(letter: Letter): void {
    if (letter.kind === 'forget') this.#programs.delete(letter.id);
    else {
      const { id, times, work } = letter;
      this.#programs.set(id, new ReadyWork(this.#kernels, work, this.#thread, times));
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
    program.moveTo(Atomics.load(this.#control, CONTROL.slot));
    this.#walker.walk(program, run);
  }

  #await(bell: number): void {
    const control = this.#control;
    for (let spin = 0; spin < SPINS; spin++)
      if (Atomics.load(control, CONTROL.bell) !== bell) return;
    Atomics.wait(control, CONTROL.bell, bell);
  }
}
