/**
 * Energy of a run on a chip: what its parts did, times what the table of silicon says that costs.
 *
 *     energy = Σ busy cycles of a part · its energy a cycle + on-chip bytes · energy of a memory access
 *            + leakage of the cells · time
 *
 * An estimate from below, like the table: no wires, no clock tree, no glitches, no leakage of memories.
 * Parts that are not busy are taken as clock-gated. Memory outside of the chip is null: nothing in the
 * catalogue says, with a source, what a bit of it costs.
 */
import type { Silicon } from '../chip/index.ts';
import type { AreaReport } from './area.ts';

/** What a chip did. */
export interface Activity {
  readonly cycles: number;
  /** Cycles in which a part of the bill worked, by its name. */
  readonly busyCycles: Readonly<Record<string, number>>;
  /** Bytes read from and written to memories of the chip. */
  readonly memoryBytes: number;
}

/** Joules. */
export interface RunEnergy {
  readonly stage: 'pre-layout';
  /** Logic of each part of the bill, and its sum. */
  readonly parts: Readonly<Record<string, number>>;
  readonly logic: number;
  /** Memories of the chip. */
  readonly memory: number;
  readonly outsideMemory: null;
  readonly leakage: number;
  /** Of what is on the chip. */
  readonly total: number;
}

/** The energy of `activity` on the chip and node of `report`, at the chip's clock. */
export function energyOfRun(report: AreaReport, { sram }: Silicon, activity: Activity): RunEnergy {
  const { clockHz, stage } = report;
  const joules = report.parts.map(({ part, busyPj }): [string, number] => {
    return [part, busyPj * (activity.busyCycles[part] ?? 0) * 1e-12];
  });
  const logic = joules.reduce((sum, [, part]) => sum + part, 0);
  const leakageMw = report.parts.reduce((sum, { leakageMw }) => sum + leakageMw, 0);
  const memory = activity.memoryBytes * 8 * sram.accessPjPerBit * 1e-12;
  const leakage = ((leakageMw / 1000) * activity.cycles) / clockHz;
  const total = logic + memory + leakage;
  const parts = Object.fromEntries(joules);
  return { stage, parts, logic, memory, outsideMemory: null, leakage, total };
}
