/** A program as machine code walks it: tables of its calls, and the way there and back. */
import { type ThreadWords } from '../threads/control.ts';
import { type Prepared, type Route, type Stop } from '../threads/route.ts';
import { setCell, type Machine, type NativeCall } from './machine.ts';
import { ASK_HOST, CHUNK_BYTES, EXITS, WALK } from './walk.ts';

/** Looks at a word before the host is asked to sleep: some 20 µs. */
const LOOKS = 1000;
/** Cells of a call in the table of calls, and of a chunk in that of a task. */
const [CALL_CELLS, CHUNK_CELLS] = [2, 2];

/** A task that machine code knows. */
interface Known {
  readonly table: Uint32Array;
  /** The calls of the table, and the chunk that each is of. */
  readonly calls: readonly NativeCall[];
  readonly owners: readonly Prepared[];
}

export class NativeRoute implements Route {
  readonly #machine: Machine;
  /** What machine code reads and writes stays while this is there. */
  readonly words: ThreadWords;
  readonly #walk: NativeCall;
  readonly #askHost: NativeCall;
  /** Of each call a cell for each task, and what it points to. */
  readonly #tasks: readonly Uint32Array[];
  readonly #known: (Known | undefined)[][];
  /** Keeps the table of calls alive. */
  readonly #calls: Uint32Array;
  #base: number;

  /** Of calls with so many tasks, none of which machine code can do yet. */
  constructor(machine: Machine, tasks: readonly number[], words: ThreadWords) {
    this.#machine = machine;
    this.words = words;
    this.#base = machine.base;
    this.#known = tasks.map(() => []);
    this.#tasks = tasks.map((count) => machine.room(count));
    this.#calls = machine.room(CALL_CELLS * tasks.length);
    for (const [i, cells] of this.#tasks.entries()) {
      setCell(this.#calls, CALL_CELLS * i, machine.addressOf(cells));
      setCell(this.#calls, CALL_CELLS * i + 1, tasks[i]!);
    }
    this.#askHost = machine.prepare(ASK_HOST, ['refused'], { refused: machine.refusedAddress });
    this.#walk = machine.prepare('walk', WALK, {
      calls: machine.addressOf(this.#calls),
      next: machine.addressOf(words.next),
      done: machine.addressOf(words.done),
      own: machine.addressOf(words.own),
      waiting: machine.addressOf(words.waiting),
      refused: machine.refusedAddress,
      ...{ looks: LOOKS, end: tasks.length, run: 0, call: 0, chunk: 0, task: 0, stop: 0 },
    });
  }

  go(call: number, run: number): Stop {
    if (this.#machine.base !== this.#base) this.#withdrawAll();
    this.#set('call', call);
    this.#set('run', run);
    this.#set('chunk', 0);
    for (;;) {
      this.#machine.run([this.#walk]);
      const stop = this.#get('stop') as (typeof EXITS)[keyof typeof EXITS];
      if (stop !== EXITS.chunk) return stop;
      // What was refused the host runs again, and throws what there is to say.
      this.#machine.takeRefusal();
      this.#chunk.run();
      this.#set('chunk', this.#chunkAddress + CHUNK_BYTES);
    }
  }

  /** The chunk that the host must run, where it stopped for one. */
  get #chunk(): Prepared {
    const { table, owners } = this.#known[this.call]![this.task]!;
    return owners[(this.#chunkAddress - this.#machine.addressOf(table)) / CHUNK_BYTES]!;
  }

  get #chunkAddress(): number {
    const [low, high] = this.#walk.cells.subarray(2 * WALK.indexOf('chunk'));
    return high! * 2 ** 32 + low!;
  }

  get call(): number {
    return this.#get('call');
  }

  get task(): number {
    return this.#get('task');
  }

  /** Chunks without machine code the host is asked for; if none has any, the task is the host's. */
  handOver(call: number, task: number, chunks: readonly Prepared[]): void {
    if (chunks.every(({ native }) => native === undefined)) return;
    const own = chunks.map(({ native }) => native?.() ?? [this.#askHost]);
    const calls = own.flat();
    const table = this.#machine.room(CHUNK_CELLS * calls.length + 1);
    for (const [i, { target, block }] of calls.entries()) {
      setCell(table, CHUNK_CELLS * i, target);
      setCell(table, CHUNK_CELLS * i + 1, block);
    }
    const owners = chunks.flatMap((chunk, i) => own[i]!.map(() => chunk));
    this.#known[call]![task] = { table, calls, owners };
    setCell(this.#tasks[call]!, task, this.#machine.addressOf(table));
  }

  withdraw(call: number, task: number): void {
    setCell(this.#tasks[call]!, task, 0);
    this.#known[call]![task] = undefined;
  }

  /** The memory has grown, and may be elsewhere. */
  #withdrawAll(): void {
    this.#base = this.#machine.base;
    for (const [call, tasks] of this.#known.entries())
      for (const task of tasks.keys()) this.withdraw(call, task);
  }

  #set(name: (typeof WALK)[number], value: number): void {
    setCell(this.#walk.cells, WALK.indexOf(name), value);
  }

  #get(name: (typeof WALK)[number]): number {
    return this.#walk.cells[2 * WALK.indexOf(name)]!;
  }
}
