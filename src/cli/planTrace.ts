/** The part of `celadon plan` that sends a stream of requests to the best plan. */
import fs from 'node:fs';
import { Random } from '../base/index.ts';
import {
  parseTrace,
  poissonRequests,
  openArrivals,
  simulateReplicas,
  simulateSplit,
  timesOf,
  type Plan,
  type PlanRequest,
  type Request,
  type SplitPlan,
  type SplitRequest,
  type ServedTimes,
  type Workload,
} from '../cluster/index.ts';
import { formatTable } from './table.ts';

/** Where requests come from: drawn at a rate, or a file. */
export interface Stream {
  readonly rate?: number | undefined;
  readonly trace?: string | undefined;
}

export function isStream({ rate, trace }: Stream): boolean {
  return rate !== undefined || trace !== undefined;
}

/** Drawn requests: enough for a 99th percentile. */
const DRAWN = 2000;
const SEED = 1;

export function requestsOf({ rate, trace }: Stream, workload: Workload): Request[] {
  if (trace !== undefined) return parseTrace(fs.readFileSync(trace), trace);
  return poissonRequests(workload, rate!, DRAWN, new Random(SEED));
}

/** What the requests of a stream see of a plan. */
export function streamTimes(stream: Stream, plan: Plan, request: PlanRequest): ServedTimes {
  const { model, chip, schedule, speculation } = request;
  const { layout, overlap, batch, replicas } = plan;
  const server = { model, replica: { chip, layout, overlap }, batch, schedule, speculation };
  return simulateReplicas(server, replicas, requestsOf(stream, request.workload));
}

/** The same of two pools. */
export function splitStreamTimes(
  stream: Stream,
  { read, write }: SplitPlan,
  { model, workload, speculation }: SplitRequest,
): ServedTimes {
  const server = { model, read, write, speculation };
  return timesOf(simulateSplit(server, openArrivals(requestsOf(stream, workload))));
}

export function streamTable({ requests, ttft, tpot, tokensPerSecond }: ServedTimes): string {
  const row = (name: string, { mean, p50, p90, p99 }: ServedTimes['ttft']): string[] => [
    name,
    ...[mean, p50, p90, p99].map((seconds) => (seconds * 1e3).toFixed(2)),
  ];
  const table = formatTable([
    ['ms', 'mean', 'p50', 'p90', 'p99'],
    row('TTFT', ttft),
    row('TPOT', tpot),
  ]);
  return `${table}\n${requests} requests on the best plan, ${tokensPerSecond.toFixed(0)} tokens/s written`;
}
