/**
 * Energy of a run on a chip: what its parts did, times what the table of silicon says that costs.
 *
 *     energy = Σ busy cycles of a part · its energy a cycle + on-chip bytes · energy of a memory access
 *            + leakage of the cells · time
 *
 * A lower bound, like the table: no wires, no clock tree, no memory outside of the chip, no leakage of
 * memories. Parts that are not busy are taken as clock-gated.
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
  readonly logic: number;
  readonly memory: number;
  readonly leakage: number;
  readonly total: number;
}

/** The energy of `activity` on the chip and node of `report`, at the chip's clock. */
export function energyOfRun(report: AreaReport, { sram }: Silicon, activity: Activity): RunEnergy {
  const { parts, clockHz, stage } = report;
  const busyPj = parts.reduce(
    (sum, { part, busyPj }) => sum + busyPj * (activity.busyCycles[part] ?? 0),
    0,
  );
  const leakageMw = parts.reduce((sum, { leakageMw }) => sum + leakageMw, 0);
  const logic = busyPj * 1e-12;
  const memory = activity.memoryBytes * 8 * sram.accessPjPerBit * 1e-12;
  const leakage = ((leakageMw / 1000) * activity.cycles) / clockHz;
  return { stage, logic, memory, leakage, total: logic + memory + leakage };
}
