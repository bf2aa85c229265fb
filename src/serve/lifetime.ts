/** How long a request lives: until its client is gone, or time is up. */
import type { Limits } from './limits.ts';

export interface Lifetime {
  readonly signal: AbortSignal;
  /** Ends it. */
  readonly cancel: () => void;
}

export function lifetimeOf(request: Request, { requestSeconds }: Limits): Lifetime {
  const control = new AbortController();
  const signals = [request.signal, control.signal, AbortSignal.timeout(requestSeconds * 1000)];
  return { signal: AbortSignal.any(signals), cancel: () => control.abort() };
}
