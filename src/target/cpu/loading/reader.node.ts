/**
 * The module that a reader runs. It imports next to nothing: each module takes a thread half a millisecond or more to
 * start.
 */
import fs from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { WasmMemory } from '../../../wasm/index.ts';
import type { WordKernels } from '../panels/packWords.ts';
import type { ReaderData } from './readers.node.ts';
import { takeSlices, type FileSlice } from './slices.ts';

interface Api {
  readonly Memory: new (limits: { readonly initial: number }) => WasmMemory;
  readonly Instance: new (module: object, imports: object) => { readonly exports: WordKernels };
}

// A reader that has read ends, as it listens no more.
parentPort!.once('message', read);

function read({ slices, progress, memories, packer, storedPages }: ReaderData): void {
  const { Memory, Instance } = (globalThis as unknown as { readonly WebAssembly: Api }).WebAssembly;
  const stored = new Memory({ initial: storedPages });
  const kernels = new Map(
    memories.entries().map(([number, memory]) => {
      const { exports } = new Instance(packer, { host: { memory, stored } });
      return [number, exports];
    }),
  );
  takeSlices(slices, progress, (slice) => {
    fill(new Uint8Array(stored.buffer, 0, slice.bytes), slice);
    const { format, address, rowBytes, panels } = slice;
    const isWrong = kernels.get(slice.memory)![format](0, address, rowBytes, panels) !== 0;
    // Whoever takes it next has the words for that.
    if (isWrong) throw new Error('a scale is not finite');
  });
}

function fill(room: Uint8Array, { descriptor, offset }: FileSlice): void {
  for (let done = 0; done < room.length;) {
    const count = fs.readSync(descriptor, room, done, room.length - done, offset + done);
    if (count === 0) throw new Error('the file became shorter');
    done += count;
  }
}
