/** Streams of requests for a simulation: drawn at random, or read from a trace. */
import { z } from 'zod';
import { parseJson, Random } from '../base/index.ts';
import { number, requireSchema } from '../schema/index.ts';
import type { Workload } from './serving.ts';
import {
  simulate,
  openArrivals,
  timesOf,
  type Request,
  type ServedTimes,
  type Server,
} from './simulate.ts';

/** `count` equal requests of a Poisson process: times between them are exponential. */
export function poissonRequests(
  { input, output }: Pick<Workload, 'input' | 'output'>,
  requestsPerSecond: number,
  count: number,
  random: Random,
): Request[] {
  let arrivalSeconds = 0;
  return Array.from({ length: count }, () => {
    arrivalSeconds -= Math.log(1 - random.float()) / requestsPerSecond;
    return { arrivalSeconds, input, output };
  });
}

/** Requests and tokens of a trace, at most. */
const MOST_REQUESTS = 1e5;
const MOST_TOKENS = 1e7;

const TRACE = z
  .array(
    z.object({
      arrivalSeconds: number(0, 1e9),
      input: number(1, MOST_TOKENS),
      output: number(1, MOST_TOKENS),
    }),
  )
  .min(1, 'at least one request')
  .max(MOST_REQUESTS, `at most ${MOST_REQUESTS} requests`);

/** A JSON array of `{arrivalSeconds, input, output}`. Throws FormatError. */
export function parseTrace(bytes: Uint8Array, where: string): Request[] {
  return requireSchema(TRACE, parseJson(bytes, where), where);
}

/** What requests see that go to equal replicas in turn. */
export function simulateReplicas(
  server: Server,
  replicas: number,
  requests: readonly Request[],
): ServedTimes {
  const served = Array.from({ length: replicas }, (_, i) =>
    simulate(server, openArrivals(requests.filter((_, j) => j % replicas === i))),
  );
  return timesOf(served.flat());
}
