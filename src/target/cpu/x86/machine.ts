/** Functions of a library on the memories of a device. */
import { CeladonError } from '../../../base/index.ts';
import { type WasmMemory } from '../../../wasm/index.ts';
import { type NativeLibrary } from '../../../x86/index.ts';
import { MEMORY_SPAN } from '../kernels/bind.ts';

/** What a memory of 32 bits may grow to. */
const MOST_BYTES = 2 ** 32;

/** Arguments for this many calls or so are kept together. */
const SLAB_CELLS = 8192;

/** A call that can be run any number of times. */
export interface PreparedCall<N extends string> {
  run(): void;
  /** Change a cell, to a whole number of 32 bits. It also keeps the cells alive as long as the call. */
  set(name: N, value: number): void;
}

/** A library and memories. What machine code does is not bounded by the memory, so calls are checked when they are made. */
export class Machine {
  readonly #memory: WasmMemory;
  readonly #library: NativeLibrary;
  readonly #panels: readonly {
    readonly base: number;
    readonly buffer: ArrayBuffer | SharedArrayBuffer;
  }[];
  #buffer: ArrayBuffer | SharedArrayBuffer | undefined;
  #integers: Int32Array = new Int32Array();
  #base = 0;
  #slab = new Uint32Array();
  #slabUsed = 0;

  /** The first memory may grow, the others have panels and do not. */
  constructor([memory, ...panels]: readonly WasmMemory[], library: NativeLibrary) {
    this.#memory = memory!;
    this.#library = library;
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
      this.#integers = new Int32Array(this.#buffer);
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

  /** The i32 at an offset of the memory. */
  integer(offset: number): number {
    void this.base;
    return this.#integers[offset / 4]!;
  }

  /** A call of a function with these cells. Throws CeladonError unless they are whole numbers from 0. */
  prepare<N extends string>(
    name: string,
    names: readonly N[],
    cells: Readonly<Record<N, number>>,
  ): PreparedCall<N> {
    const block = this.#room(names.length);
    for (const [i, cell] of names.entries()) {
      const value = cells[cell];
      if (!Number.isSafeInteger(value) || value < 0) {
        throw new CeladonError(`${cell} of ${name} must be a whole number from 0, not ${value}`);
      }
      block[2 * i] = value;
      block[2 * i + 1] = Math.floor(value / 2 ** 32);
    }
    const address = this.#library.addressOf(block.buffer) + block.byteOffset;
    const target = this.#library.functionAddress(name);
    const { call } = this.#library;
    return {
      run: () => call(target, address),
      set: (name, value) => void (block[2 * names.indexOf(name)] = value),
    };
  }

  /** Cells of eight bytes, as their lower and upper halves. */
  #room(cells: number): Uint32Array<ArrayBuffer> {
    if (this.#slabUsed + 2 * cells > this.#slab.length) {
      this.#slab = new Uint32Array(2 * SLAB_CELLS);
      this.#slabUsed = 0;
    }
    this.#slabUsed += 2 * cells;
    return this.#slab.subarray(this.#slabUsed - 2 * cells, this.#slabUsed);
  }
}
