/** What a run was limited by: the resource that worked the largest share of its cycles. */
import type { RunStats } from './simulator.ts';

export const RESOURCES = ['memory', 'matrix', 'vector'] as const;
export type Resource = (typeof RESOURCES)[number];

export interface Limit {
  readonly resource: Resource;
  /** Share of all cycles in which it worked; what is missing to 1 is waiting for other resources. */
  readonly busyShare: number;
}

type Busy = Pick<RunStats, 'cycles' | 'busyCycles' | 'memoryBusyCycles'>;

/** The busiest resource of one run, or of several taken together. */
export function limitOf(runs: readonly Busy[]): Limit {
  const cycles = runs.reduce((sum, run) => sum + run.cycles, 0);
  const busy: Readonly<Record<Resource, number>> = {
    memory: runs.reduce((sum, run) => sum + run.memoryBusyCycles, 0),
    matrix: runs.reduce((sum, run) => sum + run.busyCycles[1]!, 0),
    vector: runs.reduce((sum, run) => sum + run.busyCycles[2]!, 0),
  };
  const resource = RESOURCES.reduce((best, next) => (busy[next] > busy[best] ? next : best));
  return { resource, busyShare: cycles === 0 ? 0 : busy[resource] / cycles };
}
