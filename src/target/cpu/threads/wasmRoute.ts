/** A program as WebAssembly walks it: tables of its calls, and the way there and back. */
import { CapacityError } from '../../../base/index.ts';
import type { WasmImports, WasmMemory } from '../../../wasm/index.ts';
import { functionOf, type Kernels } from '../kernels/bind.ts';
import { KERNELS } from '../kernels/kernels.table.ts';
import { OWN, type ThreadWords } from './control.ts';
import type { Prepared, Route, Stop } from './route.ts';

const WORD_BYTES = 4;
/** Words of a call in the table of calls. */
const CALL_WORDS = 2;

/** What kernels/walk.ts exports: addresses of the thread's own words and of its table of calls, how many these are, and as `Route.go`. */
export interface WasmWalk {
  readonly walk: (own: number, calls: number, end: number, run: number, call: number) => Stop;
}

/** What the module that walks imports: kernels on each memory. */
export function importsOfWalk(control: WasmMemory, instances: readonly Kernels[]): WasmImports {
  const kernels = instances.map((one, i) => [`kernels${i}`, one] as const);
  return { control: { memory: control }, ...Object.fromEntries(kernels) };
}

/** Words for the tables of all programs of a thread. Where they are used up all programs begin anew. */
export class Room {
  readonly words: Int32Array;
  readonly floats: Float32Array;
  #used = 0;
  /** Changes when all is free again. */
  beginning = 0;

  constructor(words: Int32Array) {
    this.words = words;
    this.floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  }

  /** The first of so many words; undefined if there are not so many any more. */
  take(count: number): number | undefined {
    if (this.#used + count > this.words.length) return undefined;
    this.#used += count;
    return this.#used - count;
  }

  clear(): void {
    this.#used = 0;
    this.beginning++;
  }

  addressOf(word: number): number {
    return this.words.byteOffset + WORD_BYTES * word;
  }
}

export class WasmRoute implements Route {
  readonly #code: WasmWalk;
  readonly #counts: readonly number[];
  readonly #own: Int32Array;
  readonly #room: Room;
  /** The table of calls, and of each call that of its tasks. */
  #calls = 0;
  #tasks: readonly number[] = [];
  /** Where chunks of tasks are, also of those that are withdrawn. */
  #chunks: (number | undefined)[][] = [];
  #beginning: number;

  /** Of calls with so many tasks, none of which is known yet. Throws CapacityError where there is no room for so many. */
  constructor(code: WasmWalk, counts: readonly number[], { own }: ThreadWords, room: Room) {
    this.#code = code;
    this.#counts = counts;
    this.#own = own;
    this.#room = room;
    this.#beginning = this.#open();
  }

  go(call: number, run: number): Stop {
    if (this.#room.beginning !== this.#beginning) this.#beginning = this.#open();
    const calls = this.#room.addressOf(this.#calls);
    return this.#code.walk(this.#own.byteOffset, calls, this.#counts.length, run, call);
  }

  get call(): number {
    return this.#own[OWN.call]!;
  }

  get task(): number {
    return this.#own[OWN.task]!;
  }

  handOver(call: number, task: number, chunks: readonly Prepared[]): boolean {
    const count = chunks.reduce((sum, { args }) => sum + 1 + args.length, 1);
    const place = (this.#chunks[call]![task] ??= this.#room.take(count));
    if (place === undefined) {
      this.#room.clear();
      return false;
    }
    let at = place;
    for (const chunk of chunks) at = this.#write(at, chunk);
    this.#room.words[at] = 0;
    this.#room.words[this.#tasks[call]! + task] = this.#room.addressOf(place);
    return true;
  }

  withdraw(call: number, task: number): void {
    if (this.#room.beginning === this.#beginning) this.#room.words[this.#tasks[call]! + task] = 0;
  }

  /** A chunk: its function, and its arguments. Returns where the next is. */
  #write(at: number, { kernel, args }: Prepared): number {
    const { words, floats } = this.#room;
    words[at++] = functionOf(kernel, args);
    for (const [i, type] of Object.values(KERNELS[kernel]).entries())
      (type === 'f32' ? floats : words)[at++] = args[i]!;
    return at;
  }

  /** Tables of a program of which nothing is known. Returns which beginning of the room they are of. */
  #open(): number {
    const { words } = this.#room;
    this.#chunks = this.#counts.map(() => []);
    const all = this.#counts.reduce((sum, count) => sum + CALL_WORDS + count, 0);
    const start = this.#takeAll(all);
    words.fill(0, start, start + all);
    this.#calls = start;
    let tasks = start + CALL_WORDS * this.#counts.length;
    this.#tasks = this.#counts.map((count, i) => {
      words.set([this.#room.addressOf(tasks), count], start + CALL_WORDS * i);
      tasks += count;
      return tasks - count;
    });
    return this.#room.beginning;
  }

  #takeAll(count: number): number {
    let start = this.#room.take(count);
    if (start !== undefined) return start;
    this.#room.clear();
    start = this.#room.take(count);
    if (start !== undefined) return start;
    throw new CapacityError(
      `a program must have at most ${this.#room.words.length} words of tables of its tasks, not ${count}`,
      { hint: 'use fewer tokens a step, or fewer threads' },
    );
  }
}
