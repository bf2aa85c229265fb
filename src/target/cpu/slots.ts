/** What a slot of the cpu target holds, taken out and put back: rows of tokens, and states that steps replace. */
import type { DeviceRows, DeviceSnapshot } from '../../compile/index.ts';
import { rowsOfTokens } from '../../ir/index.ts';
import type { DeviceMemory } from './deviceMemory.ts';
import { ELEMENT_BYTES } from './kernels/vectors.ts';

/** What memory for copies of rows is taken in. */
const PIECE_BYTES = 2 ** 20;

/** Bytes by the name of the state. */
type States = ReadonlyMap<string, Uint8Array>;

export interface CpuSnapshot extends DeviceSnapshot {
  readonly states: States;
}

export interface CpuRows extends DeviceRows {
  /** Those of all states, one state after another. */
  readonly bytes: Uint8Array;
}

/** The states of a slot that steps replace, and how many tokens it has seen. */
export function snapshotOf(memory: DeviceMemory, slot: number, tokens: number): CpuSnapshot {
  const replaced = [...memory.states].filter(([, { perToken }]) => !perToken);
  const states = copies(replaced.map(([name]) => [name, memory.slotBytes(name, slot)]));
  return { tokens, sizeBytes: bytesOf(states), states };
}

export function putSnapshot(memory: DeviceMemory, slot: number, { states }: CpuSnapshot): void {
  if (states.size > 0) memory.reserveSlot(slot, 0);
  for (const [name, bytes] of states) memory.slotBytes(name, slot).set(bytes);
}

/** Rows of states of which so many tokens share one. */
export class SlotRows {
  readonly #memory: DeviceMemory;
  readonly #perRow: ReadonlyMap<string, number>;
  /** What is left of the last memory that was taken for copies. */
  #free = new Uint8Array();

  constructor(memory: DeviceMemory, perRow: ReadonlyMap<string, number>) {
    this.#memory = memory;
    this.#perRow = perRow;
  }

  save(slot: number, from: number, to: number, unread?: CpuRows): CpuRows {
    const parts = this.#parts(slot, from, to);
    const sizeBytes = parts.reduce((sum, { length }) => sum + length, 0);
    const bytes = unread?.sizeBytes === sizeBytes ? unread.bytes : this.#take(sizeBytes);
    let end = 0;
    for (const part of parts) {
      bytes.set(part, end);
      end += part.length;
    }
    return { from, to, sizeBytes, bytes };
  }

  load(slot: number, { from, to, bytes }: CpuRows): void {
    this.#memory.reserveSlot(slot, to);
    let end = 0;
    for (const part of this.#parts(slot, from, to))
      part.set(bytes.subarray(end, (end += part.length)));
  }

  copy(from: number, to: number, tokens: number): void {
    this.#memory.reserveSlot(to, tokens);
    const parts = this.#parts(from, 0, tokens);
    for (const [i, part] of this.#parts(to, 0, tokens).entries()) part.set(parts[i]!);
  }

  /** The rows of tokens where they lie, of each state. */
  #parts(slot: number, from: number, to: number): Uint8Array[] {
    return Array.from(this.#perRow, ([name, perRow]) => {
      const rowBytes = this.#memory.states.get(name)!.elements * ELEMENT_BYTES;
      const [first, count] = rowsOfTokens(perRow, from, to);
      const all = this.#memory.slotBytes(name, slot);
      return all.subarray(first * rowBytes, (first + count) * rowBytes);
    });
  }

  /** Memory for a copy, of a large piece: to get one costs more than to fill it. */
  #take(sizeBytes: number): Uint8Array {
    if (this.#free.length < sizeBytes)
      this.#free = new Uint8Array(sizeBytes * Math.max(1, Math.floor(PIECE_BYTES / sizeBytes)));
    const taken = this.#free.subarray(0, sizeBytes);
    this.#free = this.#free.subarray(sizeBytes);
    return taken;
  }
}

/** Copies in one piece of memory: to get one costs more than to fill it. */
function copies(parts: readonly (readonly [string, Uint8Array])[]): States {
  const all = new Uint8Array(parts.reduce((sum, [, { length }]) => sum + length, 0));
  let end = 0;
  return new Map(
    parts.map(([name, bytes]) => {
      const copy = all.subarray(end, (end += bytes.length));
      copy.set(bytes);
      return [name, copy];
    }),
  );
}

function bytesOf(states: States): number {
  return [...states.values()].reduce((sum, { length }) => sum + length, 0);
}
