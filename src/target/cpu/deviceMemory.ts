/**
 * The memory of a device, one 32-bit WebAssembly memory:
 *
 *   0        nothing, so that no address is 0
 *   64       weights, f32, loaded when the first program is run
 *   …        states, f32 [batch][capacity][elements of a token], zeros at first
 *   …        the arena: activations of the program that runs
 *
 * Batch, capacity and arena grow when a program needs more; states then move, and keep what they
 * hold. Capacity at least doubles up to the largest context, so that this is rare.
 */
import { CapacityError, UsageError } from '../../base/index.ts';
import { countElements } from '../../ir/index.ts';
import { createMemory, type WasmMemory } from '../../wasm/index.ts';
import { type CpuProgram } from './emit.ts';
import { MEMORY_LIMIT_BYTES, PAGE_BYTES } from './kernels/kernelModule.ts';
import { ELEMENT_BYTES } from './kernels/vectors.ts';
import { type Argument, type Placed } from './steps.ts';

const ALIGNMENT_BYTES = 64;

/** Where the states are. */
interface StateLayout {
  readonly addresses: ReadonlyMap<string, number>;
  readonly batch: number;
  readonly capacity: number;
  /** First byte after them, where the arena starts. */
  readonly end: number;
}

export class DeviceMemory {
  readonly memory: WasmMemory = createMemory({ initial: 1 });
  readonly #contextTokens: number;
  #weights: ReadonlyMap<string, number> | undefined;
  #states: ReadonlyMap<string, number> = new Map();
  #layout: StateLayout = { addresses: new Map(), batch: 0, capacity: 0, end: ALIGNMENT_BYTES };

  constructor(contextTokens: number) {
    this.#contextTokens = contextTokens;
  }

  /**
   * Makes room for `program`, and loads its weights if it is the first. Gives an object that stays
   * the same as long as addresses do. Throws CapacityError when it does not fit, UsageError for a
   * program of another model, and what loading a weight throws.
   */
  reserve(program: CpuProgram): object {
    const { weights, end } = this.#weights
      ? { weights: this.#weights, end: firstOf(this.#layout.addresses) }
      : placeWeights(program);
    throw new Error(`${weights.size}${end}`);
  }
}
