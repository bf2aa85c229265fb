/** Memories that kernels run on, and what modules import them with. */
import { createMemory, type MemoryLimits, type WasmMemory } from '../../../wasm/index.ts';

export const PAGE_BYTES = 65536;

/** All pages of a 32-bit memory but the last, so that the address after any buffer is one too. */
export const MEMORY_LIMIT_BYTES = 2 ** 32 - PAGE_BYTES;

/** Panels may lie in further memories: address a of memory i is i · MEMORY_SPAN + a. */
export const MEMORY_SPAN = 2 ** 32;

const MOST_PAGES = MEMORY_LIMIT_BYTES / PAGE_BYTES;

/** A memory that the kernels run on, by themselves or with other threads. */
export function createKernelMemory(shared = false): WasmMemory {
  return createMemory(shared ? { initial: 1, maximum: MOST_PAGES, shared } : { initial: 1 });
}

/** A memory of so many bytes for panels alone. */
export function createPanelMemory(bytes: number, shared: boolean): WasmMemory {
  const initial = Math.ceil(bytes / PAGE_BYTES);
  return createMemory(shared ? { initial, maximum: MOST_PAGES, shared } : { initial });
}

/** What a module imports such a memory with. */
export function memoryLimits(shared: boolean): MemoryLimits {
  return shared ? { minPages: 1, maxPages: MOST_PAGES, shared } : { minPages: 1 };
}
