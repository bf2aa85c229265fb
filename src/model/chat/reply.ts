/**
 * Reads a reply as it comes: what the model thinks, what it says, and the tools it calls.
 *
 * Text may be cut anywhere, the result is the same. What is not a call stays text, so nothing of a
 * malformed or unfinished reply is lost; only the marks of what was read, and white space that
 * belongs to them, are left out. A call counts from the moment its name is complete and its
 * arguments begin, also while the model still thinks; an unfinished one ends with `complete` false.
 */
import { CallWriter, type ReplyEvent } from './callWriter.ts';
import { Channel } from './channel.ts';
import type { Dialect } from './dialect.ts';
import { MarkScanner, type Piece, type Reading } from './marks.ts';
import type { ChatMessage, Tool } from './message.ts';

export interface ReplyOptions {
  /** The prompt ended inside `<think>`. */
  readonly thinking?: boolean;
  /** The tools that were offered; their schemas tell numbers from texts where the format does not. */
  readonly tools?: readonly Tool[];
}

const THINK = '<think>';
const THINK_END = '</think>';
/** Longer texts are read in parts, so that looking for marks stays quick. */
const PART_CHARACTERS = 4096;

/** What reading needs besides text. */
interface Context {
  readonly dialect: Dialect;
  readonly tools: readonly Tool[];
  emit(event: ReplyEvent): void;
  unread(text: string): void;
}

export class ReplyParser {
  readonly #scanner = new MarkScanner();
  readonly #reading: Reading<void>;
  #marks: readonly string[];
  #events: ReplyEvent[] = [];
  /** First half of a character that was cut in two. */
  #surrogate = '';

  constructor(dialect: Dialect, { thinking = false, tools = [] }: ReplyOptions = {}) {
    this.#reading = readReply(thinking, {
      dialect,
      tools,
      emit: (event) => append(this.#events, event),
      unread: (text) => this.#scanner.unread(text),
    });
    this.#marks = this.#reading.next().value ?? [];
  }

  /** Take more text; returns what it completes. */
  push(text: string): ReplyEvent[] {
    const all = this.#surrogate + text;
    const whole = all.replace(/[\ud800-\udbff]$/, '');
    this.#surrogate = all.slice(whole.length);
    for (let at = 0; at < whole.length; at += PART_CHARACTERS) {
      this.#scanner.push(whole.slice(at, at + PART_CHARACTERS));
      this.#advance();
    }
    return this.#taken();
  }

  /** The reply ended; returns what was held back. */
  end(): ReplyEvent[] {
    this.#scanner.push(this.#surrogate);
    this.#scanner.finish();
    this.#advance();
    return this.#taken();
  }

  #advance(): void {
    for (let piece = this.#next(); piece; piece = this.#next()) {
      const step = this.#reading.next(piece);
      if (step.done) return;
      this.#marks = step.value;
    }
  }

  #next(): Piece | undefined {
    return this.#scanner.next(this.#marks);
  }

  #taken(): ReplyEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

/** The message that the events of a whole reply make. */
export function messageOf(events: readonly ReplyEvent[]): ChatMessage {
  const textOf = (kind: 'content' | 'reasoning'): string =>
    events.map((event) => (event.kind === kind ? event.text : '')).join('');
  const calls = events.filter((event) => event.kind === 'callBegin');
  const argumentsOf = (call: number): string =>
    events
      .map((event) => (event.kind === 'callArguments' && event.call === call ? event.text : ''))
      .join('');
  const [content, reasoning] = [textOf('content'), textOf('reasoning')];
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ call, name }) => ({
        type: 'function' as const,
        function: { name, arguments: argumentsOf(call) },
      })),
    }),
  };
}

/** Texts of one kind that follow each other are one event. */
function append(events: ReplyEvent[], event: ReplyEvent): void {
  const last = events.at(-1);
  if (last?.kind === event.kind && 'text' in last && 'text' in event)
    events[events.length - 1] = { ...event, text: last.text + event.text };
  else events.push(event);
}

function* readReply(thinking: boolean, context: Context): Reading<void> {
  const thinks = thinking || (yield* opensThinking(context));
  const calls = { count: 0 };
  if (thinks) yield* readChannel('reasoning', true, calls, context);
  yield* readChannel('content', thinks, calls, context);
}

/** Some models write the opening mark themselves; later in the reply it is only text. */
function* opensThinking(context: Context): Reading<boolean> {
  let space = '';
  for (;;) {
    const piece = yield [THINK];
    if (piece.kind === 'mark') return true;
    space += piece.text;
    if (piece.kind === 'text' && piece.text.trim() === '') continue;
    context.unread(space);
    return false;
  }
}

function* readChannel(
  kind: 'reasoning' | 'content',
  afterMark: boolean,
  calls: { count: number },
  { dialect, tools, emit, unread }: Context,
): Reading<void> {
  const { opens, trims } = dialect;
  const channel = new Channel((text) => emit({ kind, text }), { trims, afterMark });
  const writer = new CallWriter({ channel, tools, emit, unread, calls });
  const marks = kind === 'reasoning' ? [THINK_END, ...opens] : opens;
  for (;;) {
    const piece = yield marks;
    if (piece.kind === 'text') channel.push(piece.text);
    else if (piece.kind === 'end' || piece.text === THINK_END)
      return channel.end(piece.kind === 'mark');
    else if (!dialect.read || !(yield* dialect.read(piece.text, writer))) channel.push(piece.text);
  }
}
