/** What a chip holds: its local memories, the memory beside it, the position registers. */
import type { Chip } from '../../../chip/index.ts';
import type { Dot } from '../arith/dot.ts';
import { localBytesOf } from './banks.ts';

export interface ChipState {
  readonly chip: Chip;
  /** How products are computed: fast, or plainly, as they are defined. */
  readonly dot: Dot;
  /** Scratchpad, accumulators, control memory (sim/banks.ts); views of the same bytes. */
  readonly local: Uint8Array;
  readonly localF32: Float32Array;
  readonly localU32: Uint32Array;
  readonly localI32: Int32Array;
  readonly localView: DataView;
  /** External memory. */
  readonly memory: Uint8Array;
  readonly positions: Int32Array;
  /** Set when an index of a list was outside of its table. */
  fault: boolean;
}

/** Position registers: sequences of a batch. */
export const SEQUENCES = 128;

export function createState(chip: Chip, memoryBytes: number, dot: Dot): ChipState {
  const buffer = new ArrayBuffer(localBytesOf(chip));
  return {
    chip,
    dot,
    local: new Uint8Array(buffer),
    localF32: new Float32Array(buffer),
    localU32: new Uint32Array(buffer),
    localI32: new Int32Array(buffer),
    localView: new DataView(buffer),
    memory: new Uint8Array(memoryBytes),
    positions: new Int32Array(SEQUENCES),
    fault: false,
  };
}

/** The f32 row at a byte address, which must be a multiple of 4: a view, not a copy. */
export function floatsAt({ localF32 }: ChipState, address: number, count: number): Float32Array {
  return localF32.subarray(wordAt(address), wordAt(address) + count);
}

/** The i32 at a byte address where it is an index below `limit`; else 0, and the fault flag is set. */
export function indexAt(state: ChipState, address: number, limit: number): number {
  const index = state.localI32[wordAt(address)]!;
  if (index >= 0 && index < limit) return index;
  state.fault = true;
  return 0;
}

export function wordAt(address: number): number {
  if (address % 4 !== 0)
    throw new Error(`an f32 operand must be aligned to 4 bytes, not at ${address}`);
  return address / 4;
}
