/** Where the weights of a device are kept, ready to be used, from one run to the next. */
import type { WasmMemory } from '../../../wasm/index.ts';

/** A part of a device's memory; whole lines of 64 bytes. */
export interface MemoryRegion {
  readonly memory: WasmMemory;
  readonly address: number;
  readonly bytes: number;
}

/** Images of weights by what is in them. */
export interface ImageStore {
  /**
   * Fills the region, which holds zeros, with the image of this name; false if there is none that is whole, and then it
   * still holds zeros.
   */
  load(name: string, region: MemoryRegion): boolean;
  /** Keeps the region, which no longer changes, while the program goes on. A wish: its failure is none. */
  save(name: string, region: MemoryRegion): void;
}
