/**
 * The states that steps replace, as the host keeps them: zeros where a sequence starts, and copies to come
 * back to. Rows that steps append need neither: positions hide them.
 */
import { type DeviceSnapshot, type StepInputs } from '../../compile/index.ts';
import { requireContinues } from '../../ir/index.ts';
import { type HostMemory } from './hostRows.ts';
import { type PlainRegion, type ReplacedRegion } from './memoryRegions.ts';

export interface JadeSnapshot extends DeviceSnapshot {
  /** By place among the regions. */
  readonly states: readonly Uint8Array[];
}

export class ReplacedStates {
  private readonly regions: readonly ReplacedRegion[];
  private readonly memory: HostMemory;
  /** Tokens of each sequence. */
  private lengths: number[] = [];

  constructor(regions: Iterable<PlainRegion>, memory: HostMemory) {
    this.regions = [...regions].filter(({ kind }) => kind === 'replaced') as ReplacedRegion[];
    this.memory = memory;
  }

  /** Whether there are any. */
  get exist(): boolean {
    return this.regions.length > 0;
  }

  /** Before a step. Throws UsageError where a sequence neither starts nor goes on. */
  start({ positions, tokens }: StepInputs): void {
    if (!this.exist) return;
    requireContinues(positions, this.lengths);
    for (const { address, sequenceBytes } of this.regions) {
      const zeros = new Uint8Array(sequenceBytes);
      for (const [sequence, start] of positions.entries())
        if (start === 0) this.memory.write(address + sequence * sequenceBytes, zeros);
    }
    const fed = tokens.length / positions.length;
    for (const [sequence, start] of positions.entries()) this.lengths[sequence] = start + fed;
  }

  forget(): void {
    this.lengths = [];
  }

  snapshot(): JadeSnapshot {
    const { memory, regions, lengths } = this;
    const states = regions.map(({ address, sizeBytes }) => memory.read(address, sizeBytes).slice());
    return { lengths: [...lengths], states };
  }

  restore(snapshot: DeviceSnapshot): void {
    const { lengths, states } = snapshot as JadeSnapshot;
    for (const [i, { address }] of this.regions.entries()) this.memory.write(address, states[i]!);
    this.lengths = [...lengths];
  }
}
