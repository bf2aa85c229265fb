/** Turns what a dialect reads of its calls into events. */
import { isRecord } from '../../base/index.ts';
import type { Channel } from './channel.ts';
import type { Tool } from './message.ts';

/** A part of a reply. Texts add up; `call` counts the calls of a reply from 0. */
export type ReplyEvent =
  | { readonly kind: 'reasoning' | 'content'; readonly text: string }
  | { readonly kind: 'callBegin'; readonly call: number; readonly name: string }
  /** More of the JSON text of the arguments. */
  | { readonly kind: 'callArguments'; readonly call: number; readonly text: string }
  /** `complete`: the arguments are the JSON of an object, and nothing was cut off. */
  | { readonly kind: 'callEnd'; readonly call: number; readonly complete: boolean };

export interface CallContext {
  /** Where text goes that is in no call. */
  readonly channel: Channel;
  readonly tools: readonly Tool[];
  readonly calls: { count: number };
  emit(event: ReplyEvent): void;
  unread(text: string): void;
}

export class CallWriter {
  readonly #context: CallContext;
  #name = '';
  #arguments = '';

  constructor(context: CallContext) {
    this.#context = context;
  }

  /** Put text back, to be read again. */
  unread(text: string): void {
    this.#context.unread(text);
  }

  /** Whether the request offers a tool of this name. */
  offers(name: string): boolean {
    return this.#tool(name) !== undefined;
  }

  begin(name: string): void {
    this.#name = name;
    this.#arguments = '';
    this.mark();
    this.#context.emit({ kind: 'callBegin', call: this.#context.calls.count, name });
  }

  /** More of the arguments' JSON. */
  arguments(text: string): void {
    if (text === '') return;
    this.#arguments += text;
    this.#context.emit({ kind: 'callArguments', call: this.#context.calls.count, text });
  }

  /** `closed`: by its own mark, with all its arguments. */
  end(closed: boolean): void {
    const complete = closed && isJsonObject(this.#arguments);
    this.#context.emit({ kind: 'callEnd', call: this.#context.calls.count, complete });
    this.#context.calls.count++;
  }

  /** Text where only marks may be; white space is none of the reply's. */
  between(text: string): void {
    this.#context.channel.push(text);
  }

  /** A mark of the format was read, so white space before it belongs to it. */
  mark(): void {
    this.#context.channel.call();
  }

  /** Whether a parameter of the call takes texts, by the schema of the tool; true if that says nothing. */
  takesText(parameter: string): boolean {
    const properties = this.#tool(this.#name)?.function.parameters?.['properties'];
    return isText(isRecord(properties) ? properties[parameter] : undefined);
  }

  #tool(name: string): Tool | undefined {
    return this.#context.tools.find((tool) => tool.function.name === name);
  }
}

/** Whether values of a schema are read as text: all that it names may be strings. */
export function isText(schema: unknown): boolean {
  return schemaTypes(schema).every((types) => types.includes('string'));
}

/** The types that a schema and its alternatives name, one list for each part that names any. */
function schemaTypes(schema: unknown): unknown[][] {
  if (!isRecord(schema)) return [];
  if (schema['type'] !== undefined) return [[schema['type']].flat()];
  const alternatives = [schema['anyOf'], schema['oneOf']].filter(Array.isArray).flat();
  const types = alternatives.flatMap(schemaTypes).flat();
  return types.length > 0 ? [types] : [];
}

function isJsonObject(text: string): boolean {
  try {
    return isRecord(JSON.parse(text));
  } catch {
    return false;
  }
}
