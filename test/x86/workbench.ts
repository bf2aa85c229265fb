/** What the tests of machine code run it on: a memory that sees where kernels write. */
import assert from 'node:assert/strict';
import type { NativeLibrary } from '../../src/x86/index.ts';

/** Why machine code cannot be tested here, as `node:test` takes it; false where it can. */
export const skip: false | string =
  process.platform === 'linux' && process.arch === 'x64'
    ? false
    : 'machine code runs on Linux on x64';

/** Where a kernel may write: bytes of the memory. */
export interface Room {
  readonly offset: number;
  readonly bytes: number;
}

const GUARD = 0xd5;

/** A memory on which functions of a library run. */
export class NativeWorkbench {
  readonly #library: NativeLibrary;
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #base: number;
  #end = 64;

  constructor(library: NativeLibrary, bytes = 2 ** 22) {
    this.#library = library;
    this.#memory = new Uint8Array(library.map(bytes)).fill(GUARD);
    this.#base = library.addressOf(this.#memory.buffer);
  }

  /** Room at a multiple of 64 bytes, with a guard behind it. */
  room(bytes: number): Room {
    const room = { offset: this.#end, bytes };
    this.#end += Math.ceil((bytes + 1) / 64) * 64;
    assert.ok(this.#end <= this.#memory.length, 'the workbench must be larger');
    return room;
  }

  /** 64 bytes right behind what was put before. */
  at(bytes: Uint8Array): Room {
    const room = { offset: this.#end, bytes: 64 };
    this.#memory.set(bytes, this.#end);
    this.#end += 64;
    return room;
  }

  put(values: Uint8Array | Float32Array | Int32Array): Room {
    const room = this.room(values.byteLength);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#memory.set(bytes, room.offset);
    return room;
  }

  address({ offset }: Room): number {
    return this.#base + offset;
  }

  floats({ offset, bytes }: Room): Float32Array {
    return new Float32Array(this.#memory.buffer.slice(offset, offset + bytes));
  }

  bytes({ offset, bytes }: Room): Uint8Array {
    return this.#memory.slice(offset, offset + bytes);
  }

  /** Call a function with these cells: rooms by address. Only `written` may change. */
  run(name: string, cells: readonly (number | bigint | Room)[], written: readonly Room[]): void {
    const block = this.put(new Uint8Array(8 * cells.length));
    const values = cells.map((cell) => (typeof cell === 'object' ? this.address(cell) : cell));
    const view = new BigInt64Array(this.#memory.buffer, block.offset, cells.length);
    view.set(values.map(BigInt));
    const before = this.#memory.slice();
    this.#library.call(this.#library.functionAddress(name), this.address(block));
    for (const { offset, bytes } of written) {
      before.set(this.#memory.subarray(offset, offset + bytes), offset);
    }
    assert.ok(Buffer.from(before.buffer).equals(this.#memory), `${name} must keep to its output`);
  }
}
