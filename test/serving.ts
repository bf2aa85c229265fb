/** Serves requests that come and leave at given steps, for tests of the engine. */
import type {
  EngineRequest,
  RequestUsage,
  ServingEngine,
  TokenLogprob,
} from '../src/engine/index.ts';

/** A request that is added before a step, and perhaps aborted before another. */
export interface Visit {
  readonly id: string;
  readonly prompt: readonly number[];
  readonly maxNewTokens: number;
  readonly atStep: number;
  readonly abortAtStep?: number;
  readonly request?: Partial<EngineRequest>;
}

/** What a request got. */
export interface Served {
  readonly chosen: { readonly token: number; readonly top?: readonly TokenLogprob[] }[];
  end: string;
  usage?: RequestUsage;
  error?: Error;
}

/** Runs an engine until all visits are over. */
export function serveAll(
  engine: ServingEngine,
  visits: readonly Visit[],
  logprobs?: number,
): Map<string, Served> {
  const served = new Map<string, Served>();
  const last = Math.max(
    ...visits.map(({ atStep, abortAtStep = 0 }) => Math.max(atStep, abortAtStep)),
  );
  for (let step = 0; step <= last || !engine.idle; step++) {
    for (const { id, prompt, maxNewTokens, atStep, abortAtStep, request } of visits) {
      if (atStep === step) {
        served.set(id, { chosen: [], end: '' });
        const asked = logprobs === undefined ? {} : { logprobs };
        engine.add({ id, prompt, maxNewTokens, eosTokenIds: [], ...asked, ...request });
      }
      if (abortAtStep === step) engine.abort(id);
    }
    for (const event of engine.step()) {
      const own = served.get(event.id)!;
      if (own.end !== '') throw new Error(`an event after the end of ${event.id}`);
      if (event.kind === 'token') {
        const { token, top } = event;
        own.chosen.push({ token, ...(top && { top }) });
      } else if (event.kind === 'finished') {
        own.end = event.reason;
        own.usage = event.usage;
      } else {
        own.end = 'failed';
        own.error = event.error;
      }
    }
  }
  return served;
}
