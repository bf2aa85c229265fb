/**
 * Server-sent events [1]: `data:` lines, comments while nothing happens, and `[DONE]` at the end.
 *
 * [1] https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
import { apiErrorOf } from './apiError.ts';
import type { Limits } from './limits.ts';

/** An event to send; `type` is its name where the protocol gives it one. */
export interface SentEvent {
  readonly type?: string;
  readonly data: object | '[DONE]';
}

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no', // proxies are not to collect it
};

/**
 * Answers with `events` as they come, those that come soon after others together. They never wait for a slow reader: when too
 * much is unread the answer is cut. `cancel` is called when nobody reads any more.
 */
export function eventStream(
  events: AsyncIterable<SentEvent>,
  { unreadBytes, keepAliveSeconds, togetherMs }: Limits,
  cancel: () => void,
): Response {
  const utf8 = new TextEncoder();
  let open = true;
  let timer: ReturnType<typeof setInterval> | undefined;
  const end = (): void => {
    open = false;
    clearInterval(timer);
  };
  const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    const sender = new Sender(togetherMs, (text) => {
      if (!open) return;
      controller.enqueue(utf8.encode(text));
      if (controller.desiredSize! > 0) return;
      end();
      cancel();
      controller.error(tooSlow());
    });
    timer = setInterval(() => sender.add(': keep-alive\n\n'), keepAliveSeconds * 1000);
    void addAll(events, sender).then(() => {
      sender.send();
      if (open) controller.close();
      end();
    });
  };
  const gone = (): void => {
    end();
    cancel();
  };
  const size = (bytes: Uint8Array): number => bytes.length;
  const stream = new ReadableStream({ start, cancel: gone }, { highWaterMark: unreadBytes, size });
  return new Response(stream, { headers: HEADERS });
}

/** The server's log gets it as one line: it is no defect, so there is no place in the code to tell. */
function tooSlow(): Error {
  const error = new Error('a client read its stream too slowly, which was cut');
  error.stack = error.message;
  return error;
}

/** Sends a text at once where nothing was sent for `togetherMs`, else when these are over, with all that has come by then. */
class Sender {
  readonly #togetherMs: number;
  readonly #send: (text: string) => void;
  #unsent = '';
  #sentMs = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(togetherMs: number, send: (text: string) => void) {
    this.#togetherMs = togetherMs;
    this.#send = send;
  }

  add(text: string): void {
    this.#unsent += text;
    if (this.#timer !== undefined) return;
    const restMs = this.#sentMs + this.#togetherMs - performance.now();
    if (restMs <= 0) this.send();
    else this.#timer = setTimeout(() => this.send(), restMs);
  }

  /** Sends what has been added. */
  send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#unsent === '') return;
    const text = this.#unsent;
    this.#unsent = '';
    this.#sentMs = performance.now();
    this.#send(text);
  }
}

/** Adds all events; an error is the last of them. */
async function addAll(events: AsyncIterable<SentEvent>, sender: Sender): Promise<void> {
  try {
    for await (const event of events) sender.add(textOf(event));
  } catch (error) {
    sender.add(textOf({ type: 'error', data: apiErrorOf(error) }));
  }
}

function textOf({ type, data }: SentEvent): string {
  const name = type === undefined ? '' : `event: ${type}\n`;
  return `${name}data: ${data === '[DONE]' ? data : JSON.stringify(data)}\n\n`;
}
