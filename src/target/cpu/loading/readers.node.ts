/** Threads that read weights from open files while others do something else. */
import { Worker } from 'node:worker_threads';
import type { WasmMemory, WasmModule } from '../../../wasm/index.ts';
import { PAGE_BYTES } from '../kernels/memories.ts';
import { wordKernels } from '../panels/packWords.ts';
import type { FileSlice, Numbered } from './slices.ts';

/** What there is to read, into which memories; all of it is shared. */
export interface Reading {
  readonly slices: readonly Numbered<FileSlice>[];
  readonly progress: Int32Array;
  readonly memories: ReadonlyMap<number, WasmMemory>;
}

/** The letter that a reader waits for. */
export interface ReaderData extends Reading {
  readonly packer: WasmModule;
  /** Of the memory that a slice is read into. */
  readonly storedPages: number;
}

/** Readers, which start before there is anything to read, as that takes a while. */
export interface Readers {
  /** Reads once, beside the threads that call it; then the readers end. */
  begin(reading: Reading): void;
  /** Ends readers that have not begun. */
  close(): void;
}

/** What a reader must have to do: it takes some 20 ms to start. */
const READER_BYTES = 2 ** 26;
/** More would wait for the memory. */
const MOST_READERS = 7;
/** A reader makes next to no garbage. */
const YOUNG_MIB = 2;

/** As many readers as are worth it for a device of so many threads, whose weights are `bytes`; none keeps the process alive. */
export function openReaders(threads: number, bytes: number): Readers | undefined {
  const count = Math.min(threads - 1, MOST_READERS, Math.floor(bytes / READER_BYTES));
  return count > 0 ? startReaders(count) : undefined;
}

/** Starts so many readers. */
export function startReaders(count: number): Readers {
  const workers = Array.from({ length: count }, startReader);
  return {
    begin(reading) {
      const bytes = Math.max(0, ...reading.slices.map(([, slice]) => slice.bytes));
      const storedPages = Math.ceil(bytes / PAGE_BYTES);
      const letter: ReaderData = { ...reading, packer: wordKernels(true), storedPages };
      for (const worker of workers.splice(0)) worker.postMessage(letter);
    },
    close() {
      for (const worker of workers.splice(0)) void worker.terminate();
    },
  };
}

function startReader(): Worker {
  const worker = new Worker(new URL('./reader.node.ts', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
  });
  worker.unref();
  // What it could not do is free again for the others.
  worker.on('error', (error) => process.emitWarning(String(error)));
  return worker;
}
