/** Runs a generator of steps to its end and returns its result, for callers that watch no step. */
export function complete<R>(steps: Generator<unknown, R>): R {
  for (;;) {
    const next = steps.next();
    if (next.done) return next.value;
  }
}
