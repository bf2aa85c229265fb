/** The threads of a device: this one, and workers that take chunks beside it. */
import { CeladonError } from '../../../base/index.ts';
import { type WasmMemory } from '../../../wasm/index.ts';
import { compiledKernels, instantiateKernels, type Kernels } from '../kernels/kernelModule.ts';
import { machineCode, withMachineCode, type Emitter } from '../x86/index.ts';
import { callsOfThread, runCall, type Call, type Work } from './calls.ts';
import { spawnWorker, type WorkerHandle } from './spawn.node.ts';
import { CONTROL, makeTally, nextRun, resetTally, ringBell, Walker, type Tally } from './walk.ts';
import { type Letter } from './work.ts';

/** Runs the calls of a program. */
export interface Runner {
  readonly kernels: Kernels;
  run(work: Work): void;
  close(): void;
}

/** This thread alone. */
export function singleThread(memory: WasmMemory, emitter: Emitter): Runner {
  const code = emitter === 'x86' ? machineCode() : undefined;
  const kernels = withMachineCode(instantiateKernels(memory), memory, code);
  const own = new WeakMap<Work, readonly Call[]>();
  return {
    kernels,
    run(work) {
      let calls = own.get(work);
      if (calls === undefined) own.set(work, (calls = ownCalls(work)));
      for (const call of calls) runCall(kernels, call);
    },
    close() {},
  };
}

/** The calls with the addresses of the first thread. */
export function ownCalls({ calls, scratchAddress }: Work): readonly Call[] {
  return callsOfThread(calls, scratchAddress);
}

/** Programs that workers keep; a model runs few at a time, one for each bucket of dims. */
const KEPT = 8;

interface Known {
  readonly id: number;
  readonly calls: readonly Call[];
  readonly tally: Tally;
}

/** This thread and `threads` − 1 workers, on a shared memory. */
export class ThreadPool implements Runner {
  readonly kernels: Kernels;
  readonly #control = new Int32Array(new SharedArrayBuffer(CONTROL.words * 4));
  readonly #workers: readonly WorkerHandle[];
  readonly #walker: Walker;
  readonly #known = new Map<Work, Known>();
  #run = 0;
  #programs = 0;

  constructor(memory: WasmMemory, threads: number, emitter: Emitter) {
    const { module } = compiledKernels(true);
    const code = emitter === 'x86' ? machineCode() : undefined;
    this.kernels = withMachineCode(instantiateKernels(memory, true), memory, code);
    this.#walker = new Walker(this.kernels, this.#control);
    this.#workers = Array.from({ length: threads - 1 }, (_, i) => {
      const worker = spawnWorker();
      const start = {
        kind: 'start',
        thread: i + 1,
        memory,
        module,
        control: this.#control,
      } as const;
      worker.post({ ...start, ...(code && { code }) });
      return worker;
    });
  }

  /** Throws what a kernel throws; the device can go on. */
  run(work: Work): void {
    const { id, calls, tally } = this.#known.get(work) ?? this.#introduce(work);
    this.#run = nextRun(this.#run);
    resetTally(tally, this.#run);
    Atomics.store(this.#control, CONTROL.program, id);
    Atomics.store(this.#control, CONTROL.run, this.#run);
    ringBell(this.#control);
    this.#walker.walk(calls, tally, this.#run);
    if (Atomics.exchange(this.#control, CONTROL.failed, 0) === 0) return;
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

  #introduce(work: Work): Known {
    const id = ++this.#programs;
    const tally = makeTally(work.calls.length);
    this.#post({ kind: 'program', id, tally, work });
    const known = { id, tally, calls: ownCalls(work) };
    this.#known.set(work, known);
    if (this.#known.size > KEPT) {
      const [oldest, { id: gone }] = this.#known.entries().next().value!;
      this.#known.delete(oldest);
      this.#post({ kind: 'forget', id: gone });
    }
    return known;
  }

  /** Workers read letters when they see that there are more than they have read. */
  #post(letter: Letter): void {
    for (const worker of this.#workers) worker.post(letter);
    Atomics.add(this.#control, CONTROL.letters, 1);
    ringBell(this.#control);
  }
}
