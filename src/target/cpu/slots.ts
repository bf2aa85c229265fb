/** What a slot of the cpu target holds, taken out and put back: rows of tokens, and states that steps replace. */
import { type DeviceRows, type DeviceSnapshot } from '../../compile/index.ts';
import { rowsOfTokens } from '../../ir/index.ts';
import { type DeviceMemory } from './deviceMemory.ts';
import { ELEMENT_BYTES } from './kernels/vectors.ts';

/** Bytes by the name of the state. */
type States = ReadonlyMap<string, Uint8Array>;

export interface CpuSnapshot extends DeviceSnapshot {
  readonly states: States;
}

export interface CpuRows extends DeviceRows {
  readonly states: States;
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

  constructor(memory: DeviceMemory, perRow: ReadonlyMap<string, number>) {
    this.#memory = memory;
    this.#perRow = perRow;
  }

  save(slot: number, from: number, to: number): CpuRows {
    const names = [...this.#perRow.keys()];
    const states = copies(names.map((name) => [name, this.#rows(name, slot, from, to)]));
    return { from, to, sizeBytes: bytesOf(states), states };
  }

  load(slot: number, { from, to, states }: CpuRows): void {
    this.#memory.reserveSlot(slot, to);
    for (const [name, bytes] of states) this.#rows(name, slot, from, to).set(bytes);
  }

  #rows(name: string, slot: number, from: number, to: number): Uint8Array {
    const rowBytes = this.#memory.states.get(name)!.elements * ELEMENT_BYTES;
    const [first, count] = rowsOfTokens(this.#perRow.get(name)!, from, to);
    const all = this.#memory.slotBytes(name, slot);
    return all.subarray(first * rowBytes, (first + count) * rowBytes);
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
