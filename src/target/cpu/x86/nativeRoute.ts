/** A program as machine code walks it: tables of its calls, and the way there and back. */
import { CELL_BYTES, CellRoom, setCell } from './cellRoom.ts';
import { type Machine, type NativeCall } from './machine.ts';
import { ASK_HOST, CHUNK, CHUNK_BYTES, STOPS, WALK } from './walk.ts';

/** Looks at a word before the host is asked to sleep: some 20 µs. */
const LOOKS = 1000;
/** Cells of a call in the table of calls. */
const CALL_CELLS = 2;

/** Words that all threads share: two for each call, and one for each thread and for all. */
export interface RouteWords {
  readonly next: Int32Array;
  readonly done: Int32Array;
  readonly own: Int32Array;
  readonly waiting: Int32Array;
}

/** Calls of each chunk of a task, of those that machine code can do. */
export type Chunks = readonly (readonly NativeCall[] | undefined)[];

/** Why machine code stopped. */
export type Stop = (typeof STOPS)[keyof typeof STOPS];

export class NativeRoute {
  readonly #machine: Machine;
  /** For this program alone, so that its memory is free when it is forgotten. */
  readonly #room = new CellRoom();
  /** What machine code reads and writes stays while this is there. */
  readonly words: RouteWords;
  readonly #walk: NativeCall;
  readonly #askHost: NativeCall;
  /** Of each call a cell for each task, and what it points to. */
  readonly #tasks: readonly Uint32Array[];
  /** Of each task that is handed over its table, and the arguments of its calls, which stay while these are here. */
  readonly #known: (readonly [table: Uint32Array, ...blocks: Uint32Array[]] | undefined)[][];
  /** Keeps the table of calls alive. */
  readonly #calls: Uint32Array;
  #base: number;

  /** Of calls with so many tasks, none of which machine code can do yet. */
  constructor(machine: Machine, tasks: readonly number[], words: RouteWords) {
    this.#machine = machine;
    this.words = words;
    this.#base = machine.base;
    this.#known = tasks.map(() => []);
    this.#tasks = tasks.map((count) => this.#room.take(count));
    this.#calls = this.#room.take(CALL_CELLS * tasks.length);
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

  /** Goes on from a call; `run` is the run's number as it stands in `next`. Then `call` and `task` are where it stopped. */
  go(call: number, run: number): Stop {
    if (this.#machine.base !== this.#base) this.#withdrawAll();
    this.#set('call', call);
    this.#set('run', run);
    this.#set('chunk', 0);
    return this.#walkOn();
  }

  /** Goes on behind `chunk`, which the host has run. */
  resume(): Stop {
    this.#set('chunk', this.#chunkAddress + CHUNK_BYTES);
    return this.#walkOn();
  }

  #walkOn(): Stop {
    this.#machine.run([this.#walk]);
    const stop = this.#get('stop') as Stop;
    // What was refused the host runs again, and throws what there is to say.
    if (stop === STOPS.chunk) this.#machine.takeRefusal();
    return stop;
  }

  /** The chunk of `task` that the host must run, where it stopped for one. */
  get chunk(): number {
    const [table] = this.#known[this.call]![this.task]!;
    const first = (this.#chunkAddress - this.#machine.addressOf(table)) / CELL_BYTES;
    return table[2 * (first + CHUNK.indexOf('number'))]!;
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

  /** Whether machine code does a task. */
  has(call: number, task: number): boolean {
    return this.#known[call]![task] !== undefined;
  }

  /** From now on machine code does a task: chunks by calls, or by asking the host for those that have none. */
  handOver(call: number, task: number, chunks: Chunks): void {
    const calls = chunks.flatMap((own, number) =>
      (own ?? [this.#askHost]).map((native) => ({ native, number })),
    );
    const table = this.#room.take(CHUNK.length * calls.length + 1);
    for (const [i, { native, number }] of calls.entries()) {
      const cells = { function: native.target, block: native.block, number };
      for (const [j, name] of CHUNK.entries()) setCell(table, CHUNK.length * i + j, cells[name]);
    }
    this.#known[call]![task] = [table, ...calls.map(({ native }) => native.cells)];
    setCell(this.#tasks[call]!, task, this.#machine.addressOf(table));
  }

  /** From now on the host does a task again, until it is handed over. */
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
