/** A program as machine code walks it: tables of its calls, and the way there and back. */
import type { ThreadWords } from '../threads/control.ts';
import type { Prepared, Route, RunChunk, Stop } from '../threads/route.ts';
import { CELL_BYTES, CellRoom, setCell } from './cellRoom.ts';
import type { Machine, NativeCall } from './machine.ts';
import { ASK_HOST, CHUNK, CHUNK_BYTES, EXITS, WALK } from './walk.ts';

/** Looks at a word before the host is asked to sleep: some 20 µs. */
const LOOKS = 1000;
/** Cells of a call in the table of calls. */
const CALL_CELLS = 2;

export class NativeRoute implements Route {
  readonly #machine: Machine;
  readonly #runChunk: RunChunk;
  /** Tables of this program alone, so that their memory is free when it is forgotten. */
  readonly #room = new CellRoom();
  /** What machine code reads and writes stays while this is there. */
  readonly words: ThreadWords;
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
  constructor(machine: Machine, tasks: readonly number[], words: ThreadWords, runChunk: RunChunk) {
    this.#machine = machine;
    this.#runChunk = runChunk;
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
      const chunk = this.#chunkAddress;
      this.#runChunk(this.call, this.task, this.#numberOf(chunk));
      this.#set('chunk', chunk + CHUNK_BYTES);
    }
  }

  /** Of the chunk, in its task, that an entry of the task's table is of. */
  #numberOf(entry: number): number {
    const [table] = this.#known[this.call]![this.task]!;
    const first = (entry - this.#machine.addressOf(table)) / CELL_BYTES;
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

  /** Chunks without machine code the host is asked for; if none has any, the task is the host's. */
  handOver(call: number, task: number, chunks: readonly Prepared[]): boolean {
    if (chunks.every(({ native }) => native === undefined)) return false;
    const calls = chunks.flatMap((chunk, number) =>
      (chunk.native?.() ?? [this.#askHost]).map((native) => ({ native, number })),
    );
    const table = this.#room.take(CHUNK.length * calls.length + 1);
    for (const [i, { native, number }] of calls.entries()) {
      const cells = { function: native.target, block: native.block, number };
      for (const [j, name] of CHUNK.entries()) setCell(table, CHUNK.length * i + j, cells[name]);
    }
    this.#known[call]![task] = [table, ...calls.map(({ native }) => native.cells)];
    setCell(this.#tasks[call]!, task, this.#machine.addressOf(table));
    return true;
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
