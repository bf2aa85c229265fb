/** Functions of a library on the memories of a device. */
import { CeladonError } from '../../../base/index.ts';
import type { WasmMemory } from '../../../wasm/index.ts';
import { openLibrary, type LinkedLibrary, type NativeLibrary } from '../../../x86/index.ts';
import { MEMORY_SPAN } from '../kernels/memories.ts';
import { CELL_BYTES, CellRoom, setCell } from './cellRoom.ts';

/** What a memory of 32 bits may grow to. */
const MOST_BYTES = 2 ** 32;

/** A function and its block of arguments, which can be called any number of times. */
export interface NativeCall {
  readonly target: number;
  readonly block: number;
  /** Keeps the block alive. */
  readonly cells: Uint32Array;
  /** What to throw where the function refuses what it reads; it cannot where this is not given. */
  readonly refusal?: () => CeladonError;
}

/** A library and memories. What machine code does is not bounded by the memory, so calls are checked when they are made. */
export class Machine {
  /** Functions of the library by name. */
  readonly functions: ReadonlyMap<string, number>;
  readonly #memory: WasmMemory;
  readonly #library: NativeLibrary;
  readonly #panels: readonly {
    readonly base: number;
    readonly buffer: ArrayBuffer | SharedArrayBuffer;
  }[];
  #buffer: ArrayBuffer | SharedArrayBuffer | undefined;
  #base = 0;
  readonly #room = new CellRoom();
  readonly #refused = new Uint32Array(2);
  /** Of the cell that functions set when they refuse what they read. */
  readonly refusedAddress: number;

  /** The first memory may grow, the others have panels and do not. */
  constructor([memory, ...panels]: readonly WasmMemory[], code: LinkedLibrary) {
    const library = openLibrary(code);
    this.#memory = memory!;
    this.#library = library;
    this.functions = code.functions;
    this.refusedAddress = library.addressOf(this.#refused.buffer);
    this.#panels = panels.map(({ buffer }) => {
      const base = library.addressOf(buffer);
      library.adviseHugePages(base, buffer.byteLength);
      return { base, buffer };
    });
    // The host has reserved all that the memory may grow to, and a page for each part is made when it is touched.
    library.adviseHugePages(this.base, MOST_BYTES);
  }

  /** Address of the memory's first byte. */
  get base(): number {
    if (this.#buffer !== this.#memory.buffer) {
      this.#buffer = this.#memory.buffer; // the memory has grown
      this.#base = this.#library.addressOf(this.#buffer);
    }
    return this.#base;
  }

  /**
   * The address of `rows` rows, `strideBytes` apart, of `bytes` each, that start at an offset of a memory, to which
   * its number times MEMORY_SPAN has been added. Throws CeladonError if they are not all inside.
   */
  address(place: number, rows: number, strideBytes: number, bytes: number): number {
    const memory = Math.floor(place / MEMORY_SPAN);
    const offset = place - memory * MEMORY_SPAN;
    const [base, limit] =
      memory === 0
        ? [this.base, this.#memory.buffer.byteLength]
        : [this.#panels[memory - 1]?.base ?? 0, this.#panels[memory - 1]?.buffer.byteLength ?? 0];
    const end = offset + (rows - 1) * strideBytes + bytes;
    if (offset >= 0 && rows > 0 && strideBytes >= 0 && bytes >= 0 && end <= limit) {
      return base + offset;
    }
    throw new CeladonError(
      `a kernel must keep to the ${limit} bytes of its memory, not touch ` +
        `${rows} rows of ${bytes} bytes, ${strideBytes} apart, from ${offset}`,
    );
  }

  /**
   * A call of a function with these cells. Throws CeladonError unless they are whole numbers from 0. A function that may
   * refuse what it reads needs a `refusal`.
   */
  prepare<N extends string>(
    name: string,
    names: readonly N[],
    cells: Readonly<Record<N, number>>,
    refusal?: () => CeladonError,
  ): NativeCall {
    const block = this.#room.take(names.length);
    for (const [i, cell] of names.entries()) {
      const value = cells[cell];
      if (!Number.isSafeInteger(value) || value < 0) {
        throw new CeladonError(`${cell} of ${name} must be a whole number from 0, not ${value}`);
      }
      setCell(block, i, value);
    }
    return {
      target: this.#library.functionAddress(name),
      block: this.addressOf(block),
      cells: block,
      ...(refusal && { refusal }),
    };
  }

  /** Makes calls, one after the other. Throws what the first that refuses has for it. */
  run(calls: readonly NativeCall[]): void {
    for (const { target, block, refusal } of calls) {
      this.#library.call(target, block);
      if (refusal && this.takeRefusal()) throw refusal();
    }
  }

  /** Whether a function has refused what it read since the last time. */
  takeRefusal(): boolean {
    const refused = this.#refused[0] !== 0;
    this.#refused[0] = 0;
    return refused;
  }

  /** Address of cells, or of words that are not moved. */
  addressOf(words: Uint32Array | Int32Array): number {
    return this.#library.addressOf(words.buffer) + words.byteOffset;
  }
}

/** Address of a cell of a call, whose cells have these names. */
export function cellOf<N extends string>(
  { block }: NativeCall,
  names: readonly N[],
  name: N,
): number {
  return block + CELL_BYTES * names.indexOf(name);
}
