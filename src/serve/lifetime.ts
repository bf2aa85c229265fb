/** How long a request lives: until it is answered, its client is gone, or time is up. */
import { ApiError } from './apiError.ts';
import type { Limits } from './limits.ts';

export class Lifetime {
  readonly #control = new AbortController();
  readonly #request: AbortSignal;
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor({ signal }: Request, { requestSeconds }: Limits) {
    this.#request = signal;
    this.#timer = setTimeout(() => this.#control.abort(timeIsUp()), requestSeconds * 1000);
    signal.addEventListener('abort', this.cancel);
    if (signal.aborted) this.cancel();
  }

  /** Aborted, with an ApiError as the reason, when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    return this.#control.signal;
  }

  /** The client is gone. */
  readonly cancel = (): void => {
    this.#control.abort(new ApiError(408, 'the client is gone', { code: 'cancelled' }));
    this.end();
  };

  /** The request is answered: nothing of it is kept. */
  end(): void {
    clearTimeout(this.#timer);
    this.#request.removeEventListener('abort', this.cancel);
  }
}

function timeIsUp(): ApiError {
  return new ApiError(504, 'the request took longer than the server allows', { code: 'timeout' });
}
