/**
 * Two pools under a stream of requests, event by event: replicas that read prompts, and replicas that
 * write tokens. A request waits for a replica that reads, is read with those that came by then, as many
 * as its step holds; its state moves; it waits for a place among those that write, and there has its
 * first token.
 */
import { transferSeconds, type Pool, type Speculation } from './serving.ts';
import type { ServedModel } from './servedModel.ts';
import {
  stepCosts,
  type Arrivals,
  type Request,
  type Sequence,
  type Served,
  type StepCosts,
} from './simulate.ts';

export interface SplitServer {
  readonly model: ServedModel;
  readonly read: Pool;
  readonly write: Pool;
  readonly speculation?: Speculation | undefined;
}

/** A request whose state has come, or is on its way. */
interface Ready {
  readonly request: Request;
  readonly atSeconds: number;
}

/** A replica that writes: its sequences, and when its steps under way end. */
interface Writer {
  active: Sequence[];
  steps: number;
  untilSeconds: number;
}

/** Steps at once while places are free: the next request may come before it is known. */
const MOST_STEPS = 16;

/** Every request of `arrivals`, in the order in which they ended. */
export function simulateSplit(server: SplitServer, arrivals: Arrivals): Served[] {
  const { model, read, write, speculation } = server;
  const reading = stepCosts({ model, replica: read.replica });
  const writing = stepCosts({ model, replica: write.replica, speculation });
  const freeAt = Array.from({ length: read.replicas }, () => 0);
  const writers = Array.from({ length: write.replicas }, (): Writer => ({
    active: [],
    steps: 0,
    untilSeconds: 0,
  }));
  const served: Served[] = [];
  let ready: Ready[] = [];
  let now = 0;
  for (;;) {
    for (const writer of writers) endSteps(writer, now, arrivals, served);
    const read = startReading(server, freeAt, now, arrivals, reading);
    ready = [...ready, ...read].toSorted((a, b) => a.atSeconds - b.atSeconds);
    ready = admit(ready, writers, placesOf(write), now);
    for (const writer of writers) startSteps(writer, ready, placesOf(write), now, writing);
    const next = nextEvent(freeAt, writers, ready, arrivals, now);
    if (next === undefined) return served;
    now = next;
  }
}

/** Sequences of one replica of a pool. */
function placesOf({ sequences, replica }: Pool): number {
  return sequences * replica.layout.data;
}

function endSteps(writer: Writer, now: number, arrivals: Arrivals, served: Served[]): void {
  if (writer.steps === 0 || writer.untilSeconds > now) return;
  for (const sequence of writer.active) sequence.written += writer.steps;
  writer.steps = 0;
  const ended = writer.active.filter(({ request, written }) => written >= request.output);
  if (ended.length === 0) return;
  writer.active = writer.active.filter(({ request, written }) => written < request.output);
  for (const { request, firstSeconds } of ended) {
    served.push({ request, firstSeconds, lastSeconds: writer.untilSeconds });
    arrivals.ended(writer.untilSeconds);
  }
}

/** Every replica that is free takes prompts that have come; returns them with the time their state is there. */
function startReading(
  { model, read, write }: SplitServer,
  freeAt: number[],
  now: number,
  arrivals: Arrivals,
  costs: StepCosts,
): Ready[] {
  return freeAt.flatMap((free, i) => {
    if (free > now) return [];
    const prompts: Request[] = [];
    for (let next = arrivals.peek(); next !== undefined; next = arrivals.peek()) {
      if (next.arrivalSeconds > now || prompts.length >= placesOf(read)) break;
      prompts.push(arrivals.take());
    }
    if (prompts.length === 0) return [];
    freeAt[i] = now + costs.read(prompts, []);
    return prompts.map((request) => ({
      request,
      atSeconds: freeAt[i]! + transferSeconds(model, read, write, request.input),
    }));
  });
}

/** Those that are there go where most places are free; returns the others. */
function admit(
  ready: readonly Ready[],
  writers: readonly Writer[],
  places: number,
  now: number,
): Ready[] {
  const left: Ready[] = [];
  const idle = writers.filter(({ steps }) => steps === 0);
  for (const each of ready) {
    const writer = idle.reduce(
      (best: Writer | undefined, one) =>
        best === undefined || one.active.length < best.active.length ? one : best,
      undefined,
    );
    if (each.atSeconds > now || writer === undefined || writer.active.length >= places) {
      left.push(each);
      continue;
    }
    const { request } = each;
    writer.active.push({ request, firstSeconds: now, written: 1 });
  }
  return left;
}

/** Steps until a sequence ends, or until a request that is on its way may have a place. */
function startSteps(
  writer: Writer,
  ready: readonly Ready[],
  places: number,
  now: number,
  costs: StepCosts,
): void {
  const { active } = writer;
  if (writer.steps > 0 || active.length === 0) return;
  const each = costs.write(active);
  const left = Math.min(...active.map(({ request, written }) => request.output - written));
  const isFull = active.length >= places;
  const coming = ready.length > 0 ? Math.ceil((ready[0]!.atSeconds - now) / each) : MOST_STEPS;
  const steps = isFull ? left : Math.min(left, coming, MOST_STEPS);
  writer.steps = Math.max(1, steps);
  writer.untilSeconds = now + writer.steps * each;
}

/** When anything can happen next; undefined when all is done. */
function nextEvent(
  freeAt: readonly number[],
  writers: readonly Writer[],
  ready: readonly Ready[],
  arrivals: Arrivals,
  now: number,
): number | undefined {
  const times = writers.flatMap(({ steps, untilSeconds }) => (steps > 0 ? [untilSeconds] : []));
  const coming = arrivals.peek();
  if (coming !== undefined) times.push(Math.max(coming.arrivalSeconds, Math.min(...freeAt)));
  if (ready.length > 0 && ready[0]!.atSeconds > now) times.push(ready[0]!.atSeconds);
  return times.length === 0 ? undefined : Math.min(...times);
}
