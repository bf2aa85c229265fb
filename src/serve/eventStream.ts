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
 * Answers with `events` as they come. They never wait for a slow reader: when too much is unread the answer
 * is cut. `cancel` is called when nobody reads any more.
 */
export function eventStream(
  events: AsyncIterable<SentEvent>,
  { unreadBytes, keepAliveSeconds }: Limits,
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
    const send = (text: string): void => {
      if (!open) return;
      controller.enqueue(utf8.encode(text));
      if (controller.desiredSize! > 0) return;
      end();
      cancel();
      controller.error(tooSlow());
    };
    timer = setInterval(() => send(': keep-alive\n\n'), keepAliveSeconds * 1000);
    void sendAll(events, send).then(() => {
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

/** Sends all events; an error is the last of them. */
async function sendAll(
  events: AsyncIterable<SentEvent>,
  send: (text: string) => void,
): Promise<void> {
  try {
    for await (const event of events) send(textOf(event));
  } catch (error) {
    send(textOf({ type: 'error', data: apiErrorOf(error) }));
  }
}

function textOf({ type, data }: SentEvent): string {
  const name = type === undefined ? '' : `event: ${type}\n`;
  return `${name}data: ${data === '[DONE]' ? data : JSON.stringify(data)}\n\n`;
}
