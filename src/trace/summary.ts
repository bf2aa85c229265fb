/** Where the cycles went: the totals of a trace grouped by track, or by any other key. */
import type { Trace, TraceTotal } from './trace.ts';

/** One group of events. */
export interface TraceShare {
  readonly key: string;
  readonly events: number;
  readonly busyCycles: number;
  /** Busy cycles over `totalCycles`; above 1 when the group spans tracks that work side by side. */
  readonly share: number;
}

/**
 * Group the totals of `trace` by `keyOf`, largest first; totals whose key is undefined are left out.
 * Shares are of `totalCycles`, by default the cycles of all runs that have ended.
 */
export function summarize(
  trace: Trace,
  keyOf: (total: TraceTotal) => string | undefined,
  totalCycles: number = trace.originCycles,
): TraceShare[] {
  const groups = new Map<string, { events: number; busyCycles: number }>();
  for (const total of trace.totals()) {
    const key = keyOf(total);
    if (key === undefined) continue;
    const group = groups.get(key) ?? { events: 0, busyCycles: 0 };
    group.events += total.events;
    group.busyCycles += total.busyCycles;
    groups.set(key, group);
  }
  return [...groups]
    .map(([key, group]) => ({ key, ...group, share: ratio(group.busyCycles, totalCycles) }))
    .toSorted((a, b) => b.busyCycles - a.busyCycles);
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}
