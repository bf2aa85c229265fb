/**
 * Slots: where a sequence keeps its states. A program is made for sequences in slots 0, 1, …; on others the
 * same program runs with addresses of state moved on by as many slots. What a slot holds is taken out and
 * put back by the host: rows that steps append, and states that steps replace, which are zeros where a
 * sequence starts.
 */
import { RecentMap } from '../../base/index.ts';
import type { DeviceRows, DeviceSnapshot, Program, StepInputs } from '../../compile/index.ts';
import { requireContinues, rowsOfTokens, tokensPerRow } from '../../ir/index.ts';
import type { HostMemory } from './hostRows.ts';
import type { Instruction } from './isa.table.ts';
import {
  isByShift,
  stateOfScales,
  type PlainRegion,
  type ReplacedRegion,
  type StateRegion,
} from './memoryRegions.ts';
import type { MemoryLayout } from './layout.ts';

/** States by place among the regions. */
interface JadeSnapshot extends DeviceSnapshot {
  readonly states: readonly Uint8Array[];
}

interface JadeRows extends DeviceRows {
  readonly states: readonly Uint8Array[];
}

/** Rows that follow one another in memory, and how many bytes each has. */
interface RowRegion {
  readonly region: StateRegion;
  readonly tokensPerRow: number;
}

/** Of a program: a prompt is read in the slot that happens to be free. */
const MOST_MOVED = 8;

export class Slots {
  private readonly replaced: readonly ReplacedRegion[];
  private readonly rows: readonly RowRegion[];
  /** All regions of state. */
  private readonly regions: readonly PlainRegion[];
  private readonly memory: HostMemory;
  private readonly batch: number;
  /** Tokens of each slot. */
  private lengths: number[] = [];
  /** Instructions by the slot of their first sequence. */
  private readonly moved = new WeakMap<readonly Instruction[], RecentMap<number, Instruction[]>>();

  constructor({ graph }: Program, { regions, batch }: MemoryLayout, memory: HostMemory) {
    const all = [...regions.values()];
    const perRow = tokensPerRow(graph);
    this.replaced = all.filter((region): region is ReplacedRegion => region.kind === 'replaced');
    this.rows = all.filter(isRows).map((region) => {
      const tokens = perRow.get(stateOfScales(region.name)) ?? 1;
      return { region, tokensPerRow: isByShift(tokens) ? tokens : 1 };
    });
    this.regions = [...this.replaced, ...all.filter(isRows)];
    this.memory = memory;
    this.batch = batch;
  }

  /** Whether there are states that steps replace. */
  get haveReplaced(): boolean {
    return this.replaced.length > 0;
  }

  /** Before a step. Throws UsageError where a sequence neither starts nor goes on. */
  start({ positions, tokens, firstSlot = 0 }: StepInputs): void {
    if (!this.haveReplaced) return;
    requireContinues(positions, this.lengths.slice(firstSlot));
    for (const { address, sequenceBytes } of this.replaced) {
      const zeros = new Uint8Array(sequenceBytes);
      for (const [b, start] of positions.entries())
        if (start === 0) this.memory.write(address + (firstSlot + b) * sequenceBytes, zeros);
    }
    const fed = tokens.length / positions.length;
    for (const [b, start] of positions.entries()) this.lengths[firstSlot + b] = start + fed;
  }

  /** The instructions for sequences from a slot on. */
  instructionsFrom(
    instructions: readonly Instruction[],
    firstSlot: number,
  ): readonly Instruction[] {
    if (firstSlot === 0) return instructions;
    const own = this.moved.get(instructions) ?? new RecentMap<number, Instruction[]>(MOST_MOVED);
    this.moved.set(instructions, own);
    const moved = own.get(firstSlot) ?? instructions.map((one) => this.move(one, firstSlot));
    own.set(firstSlot, moved);
    return moved;
  }

  forget(): void {
    this.lengths = [];
  }

  snapshot(slot: number): JadeSnapshot {
    const states = this.replaced.map(({ address, sequenceBytes }) =>
      this.memory.read(address + slot * sequenceBytes, sequenceBytes).slice(),
    );
    return { tokens: this.lengths[slot] ?? 0, sizeBytes: bytesOf(states), states };
  }

  restore(slot: number, snapshot: DeviceSnapshot): void {
    const { tokens, states } = snapshot as JadeSnapshot;
    for (const [i, { address, sequenceBytes }] of this.replaced.entries())
      this.memory.write(address + slot * sequenceBytes, states[i]!);
    this.lengths[slot] = tokens;
  }

  saveRows(slot: number, from: number, to: number): JadeRows {
    const states = this.rows.flatMap((rows) => {
      const [places, bytes] = this.placesOf(rows, slot, from, to);
      return places.map((address) => this.memory.read(address, bytes).slice());
    });
    return { from, to, sizeBytes: bytesOf(states), states };
  }

  loadRows(slot: number, rows: DeviceRows): void {
    const { from, to, states } = rows as JadeRows;
    const places = this.rows.flatMap((own) => this.placesOf(own, slot, from, to)[0]);
    for (const [i, address] of places.entries()) this.memory.write(address, states[i]!);
  }

  /** Where the rows of tokens lie, a place for each part of each head, and the bytes at each. */
  private placesOf(
    { region, tokensPerRow: perRow }: RowRegion,
    slot: number,
    from: number,
    to: number,
  ): [number[], number] {
    const { address, groups, parts, partBytes, capacity } = region;
    const [first, count] = rowsOfTokens(perRow, from, to);
    const planes = Array.from({ length: groups * parts }, (_, i) => slot * groups * parts + i);
    const at = planes.map((plane) => address + (plane * capacity + first) * partBytes);
    return [at, count * partBytes];
  }

  private move(instruction: Instruction, slots: number): Instruction {
    const { memory } = instruction.fields;
    const region = memory === undefined ? undefined : this.regionAt(memory);
    if (region === undefined) return instruction;
    const moved = memory! + (slots * region.sizeBytes) / this.batch;
    return { ...instruction, fields: { ...instruction.fields, memory: moved } };
  }

  private regionAt(memory: number): PlainRegion | undefined {
    return this.regions.find(
      ({ address, sizeBytes }) => memory >= address && memory < address + sizeBytes,
    );
  }
}

function isRows(region: PlainRegion): region is StateRegion {
  return region.kind === 'state';
}

function bytesOf(states: readonly Uint8Array[]): number {
  return states.reduce((sum, { length }) => sum + length, 0);
}
