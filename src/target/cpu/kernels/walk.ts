/**
 * The walk of threads/route.ts in WebAssembly: a module of its own, beside the kernels that it calls.
 *
 * ```
 * calls    [tasks, count] of each call
 * tasks    of a call: chunks of each task, or 0: the host must run it
 * chunks   of a task: [function, its arguments] each, then 0
 * ```
 *
 * All are words and addresses of the control block. A kernel that traps ends the walk: the line of the thread says where it was.
 */
import {
  compileModule,
  ModuleBuilder,
  type Frame,
  type FunctionBuilder,
  type FunctionRef,
  type Local,
  type ValueType,
  type WasmModule,
} from '../../../wasm/index.ts';
import { ADDRESSES, HOLDS, OWN } from '../threads/control.ts';
import { STOPS } from '../threads/route.ts';
import { MOST_TASKS } from '../threads/tally.ts';
import { KERNELS } from './kernels.table.ts';
import { memoryLimits } from './memories.ts';

/** Looks at a word before the host is asked to sleep: some 20 µs. */
const LOOKS = 4000;

const WORD_BYTES = 4;

/** `own` is the address of the thread's line, `end` the number of calls; the others are as in `Route.go`. */
const PARAMS = { own: 'i32', calls: 'i32', end: 'i32', run: 'i32', call: 'i32' } as const;

/** Emits the module: for so many instances of the kernels, which are numbered in their order, instance by instance. */
export function emitWalk(shared: boolean, instances: number): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory('control', 'memory', memoryLimits(shared));
  const functions = Array.from({ length: instances }, (_, i) =>
    Object.entries(KERNELS).map(([kernel, params]) =>
      module.importFunction(`kernels${i}`, kernel, Object.values(params)),
    ),
  ).flat();
  const spec = { params: PARAMS, results: ['i32'] as ValueType[], exported: true };
  module.addFunction('walk', spec, (f, params) => new WalkEmitter(f, params, functions).emit());
  return module.encode();
}

const compiled = new Map<string, WasmModule>();

/** The module, emitted and compiled once a process. */
export function compiledWalk(shared: boolean, instances: number): WasmModule {
  const key = `${shared} ${instances}`;
  const known = compiled.get(key) ?? compileModule(emitWalk(shared, instances));
  compiled.set(key, known);
  return known;
}

class WalkEmitter {
  readonly #f: FunctionBuilder;
  readonly #params: Readonly<Record<keyof typeof PARAMS, Local>>;
  readonly #functions: readonly FunctionRef[];
  /** Where the word of the call at hand is in a table of words. */
  readonly #offset: Local;
  readonly #tasks: Local;
  readonly #count: Local;
  readonly #seen: Local;
  readonly #task: Local;
  readonly #chunk: Local;
  readonly #looks: Local;

  constructor(
    f: FunctionBuilder,
    params: Readonly<Record<keyof typeof PARAMS, Local>>,
    functions: readonly FunctionRef[],
  ) {
    this.#f = f;
    this.#params = params;
    this.#functions = functions;
    const local = (name: string): Local => f.local('i32', name);
    [this.#offset, this.#tasks, this.#count] = [local('offset'), local('tasks'), local('count')];
    [this.#seen, this.#task] = [local('seen'), local('task')];
    [this.#chunk, this.#looks] = [local('chunk'), local('looks')];
  }

  emit(): void {
    const { call, end } = this.#params;
    this.#f.loop((nextCall) => {
      this.#openCall();
      this.#f.block((others) =>
        this.#f.loop((again) => {
          this.#take(again, others);
          this.#runChunks();
          this.#countDone();
          this.#f.emit('br', again);
        }),
      );
      this.#awaitOthers();
      this.#f.advance(call, 1).get(call).get(end).emit('i32.lt_u').emit('br_if', nextCall);
    });
    this.#f.i32(STOPS.ended);
  }

  #openCall(): void {
    const [f, { calls, call }] = [this.#f, this.#params];
    f.get(call).i32(2).emit('i32.shl').set(this.#offset);
    f.get(this.#offset).i32(1).emit('i32.shl').get(calls).emit('i32.add').tee(this.#seen);
    f.emit('i32.load').set(this.#tasks).get(this.#seen).emit('i32.load', WORD_BYTES);
    f.set(this.#count);
    this.#note('call', call);
    this.#note('holds', HOLDS.task);
  }

  /** A word of the thread's line. */
  #note(name: keyof typeof OWN, value: Local | number): void {
    const [f, { own }] = [this.#f, this.#params];
    f.get(own)
      .i32(value)
      .emit('i32.store', WORD_BYTES * OWN[name]);
  }

  #stop(stop: keyof typeof STOPS): void {
    this.#f.i32(STOPS[stop]).emit('return');
  }

  /** The chunks of a task of one's own, or on to `others` if there is none. */
  #take(again: Frame, others: Frame): void {
    const [f, seen, task] = [this.#f, this.#seen, this.#task];
    this.#readNext(task);
    f.get(task).get(this.#count).emit('i32.ge_u').emit('br_if', others);
    f.get(this.#offset).get(seen).get(seen).i32(1).emit('i32.add');
    f.emit('i32.atomic.rmw.cmpxchg', ADDRESSES.next).get(seen).emit('i32.ne').emit('br_if', again);
    this.#note('task', task);
    f.get(this.#tasks).get(task).i32(2).emit('i32.shl').emit('i32.add').emit('i32.load');
    f.tee(this.#chunk)
      .emit('i32.eqz')
      .if(() => this.#stop('task'));
  }

  /** The word in `next`, as `seen`, and its task, if it is of this run. */
  #readNext(task: Local): void {
    const [f, { run }] = [this.#f, this.#params];
    f.get(this.#offset).emit('i32.atomic.load', ADDRESSES.next).tee(this.#seen);
    f.get(run).emit('i32.xor').tee(task).i32(MOST_TASKS).emit('i32.gt_u');
    f.if(() => {
      this.#note('holds', 0);
      this.#stop('over');
    });
  }

  #runChunks(): void {
    this.#f.loop((next) => this.#f.block((end) => this.#chooseFunction(next, end, 0, [])));
  }

  /** A block for each function, so that what calls it is behind its end; inside of all is the choice. */
  #chooseFunction(next: Frame, end: Frame, i: number, labels: readonly Frame[]): void {
    const f = this.#f;
    if (i === this.#functions.length) {
      f.get(this.#chunk)
        .emit('i32.load')
        .emit('br_table', [end, ...labels], end);
      return;
    }
    f.block((label) => this.#chooseFunction(next, end, i + 1, [...labels, label]));
    this.#callKernel(this.#functions[i]!);
    f.emit('br', next);
  }

  #callKernel(kernel: FunctionRef): void {
    const [f, { params }] = [this.#f, kernel.type];
    for (const [i, type] of params.entries())
      f.get(this.#chunk).emit(type === 'f32' ? 'f32.load' : 'i32.load', WORD_BYTES * (1 + i));
    f.emit('call', kernel).advance(this.#chunk, WORD_BYTES * (1 + params.length));
  }

  /** One task more is done; others are woken by the host when it was the last. */
  #countDone(): void {
    const f = this.#f;
    f.get(this.#offset).i32(1).emit('i32.atomic.rmw.add', ADDRESSES.done).i32(1).emit('i32.add');
    f.get(this.#count)
      .emit('i32.eq')
      .if(() => {
        f.i32(0)
          .emit('i32.atomic.load', ADDRESSES.waiting)
          .if(() => this.#stop('wake'));
      });
  }

  #awaitOthers(): void {
    const [f, looks] = [this.#f, this.#looks];
    this.#note('holds', 0);
    f.i32(LOOKS).set(looks);
    f.block((isDone) => {
      f.loop((again) => {
        f.get(this.#offset).emit('i32.atomic.load', ADDRESSES.done);
        this.#readNext(this.#task);
        f.get(this.#count).emit('i32.eq').emit('br_if', isDone);
        f.advance(looks, -1).get(looks).emit('br_if', again);
      });
      this.#stop('wait');
    });
  }
}
