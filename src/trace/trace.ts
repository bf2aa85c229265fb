/**
 * Trace: what each resource of a device did, and when, in clock cycles.
 *
 * An event occupies one track (a queue, a unit, a channel) for some cycles. Times are relative to the
 * start of the current run; `advance` moves the origin to the next run, so a whole generation lies on
 * one time axis. Totals are kept for every event; the events themselves only up to `maxEvents`, so a
 * long run needs bounded memory and its summary stays exact.
 */
import { UsageError } from '../base/index.ts';

export interface TraceEvent {
  /** The resource: `load`, `matrix`, … One row in the viewer. */
  readonly track: string;
  /** What it did: the opcode or kernel. */
  readonly name: string;
  /** For which part of the model, e.g. `layers.0.self_attn.q_proj`. */
  readonly label?: string;
  /** Since the start of the current run. */
  readonly startCycles: number;
  readonly durationCycles: number;
  /** Anything worth seeing when the event is selected: bytes, rows, addresses. */
  readonly args?: Readonly<Record<string, number | string>>;
}

/** The value of a quantity from `atCycles` until its next sample. */
export interface CounterSample {
  readonly name: string;
  readonly atCycles: number;
  readonly value: number;
}

/** All events of one track, name and label together. */
export interface TraceTotal {
  readonly track: string;
  readonly name: string;
  readonly label: string;
  readonly events: number;
  readonly busyCycles: number;
}

export interface TraceOptions {
  /** Cycles a second of the traced device: turns cycles into the viewer's microseconds. */
  readonly clockHz: number;
  /** Events and samples to keep, each; 0 keeps the totals only. */
  readonly maxEvents?: number;
}

interface RunningTotal {
  events: number;
  busyCycles: number;
}

/** Keeps about 200 MB at most; an exported file of this size still opens in ui.perfetto.dev. */
const DEFAULT_MAX_EVENTS = 1_000_000;

/** Events on named tracks and samples of named counters, on one axis of cycles. */
export class Trace {
  readonly clockHz: number;
  readonly #maxEvents: number;
  readonly #events: TraceEvent[] = [];
  readonly #samples: CounterSample[] = [];
  /** By track, then name, then label. */
  readonly #totals = new Map<string, Map<string, Map<string, RunningTotal>>>();
  #originCycles = 0;
  #dropped = 0;

  /** Start an empty trace. Throws UsageError unless clockHz is positive and maxEvents a count. */
  constructor({ clockHz, maxEvents = DEFAULT_MAX_EVENTS }: TraceOptions) {
    if (!(clockHz > 0 && Number.isFinite(clockHz))) {
      throw new UsageError(`the clock of a trace must be a positive number of Hz, not ${clockHz}`);
    }
    if (!Number.isSafeInteger(maxEvents) || maxEvents < 0) {
      throw new UsageError(`maxEvents must be a whole number from 0, not ${maxEvents}`);
    }
    this.clockHz = clockHz;
    this.#maxEvents = maxEvents;
  }

  /** Cycles of all runs that have ended. */
  get originCycles(): number {
    return this.#originCycles;
  }

  /** Kept events in the order they were added; start times since the first run's start. */
  get events(): readonly TraceEvent[] {
    return this.#events;
  }

  /** Kept counter samples in the order they were added. */
  get samples(): readonly CounterSample[] {
    return this.#samples;
  }

  /** Events and samples beyond `maxEvents`, known to the totals only. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Record one event of the current run. */
  add(event: TraceEvent): void {
    const total = this.#totalOf(event);
    total.events++;
    total.busyCycles += event.durationCycles;
    if (this.#events.length >= this.#maxEvents) this.#dropped++;
    else this.#events.push({ ...event, startCycles: this.#originCycles + event.startCycles });
  }

  /** Record that the counter `name` has `value` from `atCycles` of the current run on. */
  count(name: string, atCycles: number, value: number): void {
    if (this.#samples.length >= this.#maxEvents) this.#dropped++;
    else this.#samples.push({ name, atCycles: this.#originCycles + atCycles, value });
  }

  /** End the current run, which took `cycles`; the next starts where it ended. */
  advance(cycles: number): void {
    this.#originCycles += cycles;
  }

  /** Exact totals over all events, kept or not, in the order first seen. */
  totals(): TraceTotal[] {
    return [...this.#totals].flatMap(([track, names]) =>
      [...names].flatMap(([name, labels]) =>
        [...labels].map(([label, total]) => ({ track, name, label, ...total })),
      ),
    );
  }

  #totalOf({ track, name, label = '' }: TraceEvent): RunningTotal {
    const names = entry(this.#totals, track, () => new Map<string, Map<string, RunningTotal>>());
    const labels = entry(names, name, () => new Map<string, RunningTotal>());
    return entry(labels, label, () => ({ events: 0, busyCycles: 0 }));
  }
}

function entry<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
