/** The items of a response, and the events that tell how they grow. */
import type { ReplyEvent } from '../model/index.ts';

export interface ItemEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

type Status = 'in_progress' | 'completed' | 'incomplete';

/** An item that is being written. */
interface Open {
  readonly kind: 'content' | 'reasoning' | 'call';
  readonly id: string;
  readonly name: string;
  readonly callId: string;
  text: string;
}

/** Texts of each kind: what their parts are called, and their events. */
const TEXTS = {
  content: { part: 'output_text', event: 'response.output_text' },
  reasoning: { part: 'reasoning_text', event: 'response.reasoning_text' },
};

export class ResponseItems {
  /** Items that are complete. */
  readonly output: object[] = [];
  /** What was said, without thoughts and calls. */
  text = '';
  #open: Open | undefined;

  /** Takes a part of the reply; returns what to tell of it. */
  take(part: ReplyEvent): ItemEvent[] {
    switch (part.kind) {
      case 'content':
      case 'reasoning':
        return this.#grow(part.kind, part.text);
      case 'callBegin':
        return [...this.end(), ...this.#begin('call', part.name)];
      case 'callArguments':
        this.#open!.text += part.text;
        return [this.#told('response.function_call_arguments.delta', { delta: part.text })];
      case 'callEnd':
        return this.#close(part.complete ? 'completed' : 'incomplete');
    }
  }

  /** The reply ended, or another item begins. */
  end(status: Status = 'completed'): ItemEvent[] {
    return this.#open === undefined ? [] : this.#close(status);
  }

  #grow(kind: 'content' | 'reasoning', text: string): ItemEvent[] {
    const begun = this.#open?.kind === kind ? [] : [...this.end(), ...this.#begin(kind)];
    this.#open!.text += text;
    if (kind === 'content') this.text += text;
    const delta = { content_index: 0, delta: text, ...(kind === 'content' && { logprobs: [] }) };
    return [...begun, this.#told(`${TEXTS[kind].event}.delta`, delta)];
  }

  #begin(kind: Open['kind'], name = ''): ItemEvent[] {
    const prefix = { content: 'msg', reasoning: 'rs', call: 'fc' }[kind];
    this.#open = { kind, id: newId(prefix), name, callId: newId('call'), text: '' };
    const added = this.#whole(
      'response.output_item.added',
      itemOf(this.#open, 'in_progress', false),
    );
    if (kind === 'call') return [added];
    return [
      added,
      this.#told('response.content_part.added', { content_index: 0, part: partOf(this.#open) }),
    ];
  }

  #close(status: Status): ItemEvent[] {
    const open = this.#open!;
    const item = itemOf(open, status, true);
    const done = [...this.#finishing(open), this.#whole('response.output_item.done', item)];
    this.output.push(item);
    this.#open = undefined;
    return done;
  }

  #finishing(open: Open): ItemEvent[] {
    const { kind, text, name } = open;
    if (kind === 'call')
      return [this.#told('response.function_call_arguments.done', { name, arguments: text })];
    const done = { content_index: 0, text, ...(kind === 'content' && { logprobs: [] }) };
    return [
      this.#told(`${TEXTS[kind].event}.done`, done),
      this.#told('response.content_part.done', { content_index: 0, part: partOf(open) }),
    ];
  }

  #told(type: string, fields: object): ItemEvent {
    return { type, item_id: this.#open!.id, output_index: this.output.length, ...fields };
  }

  #whole(type: string, item: object): ItemEvent {
    return { type, output_index: this.output.length, item };
  }
}

function itemOf(open: Open, status: Status, withContent: boolean): object {
  const { kind, id, name, callId, text } = open;
  const content = withContent ? [partOf(open)] : [];
  if (kind === 'content') return { id, type: 'message', role: 'assistant', status, content };
  if (kind === 'reasoning') return { id, type: 'reasoning', status, summary: [], content };
  return { id, type: 'function_call', status, call_id: callId, name, arguments: text };
}

function partOf({ kind, text }: Open): object {
  if (kind === 'content') return { type: TEXTS.content.part, text, annotations: [], logprobs: [] };
  return { type: TEXTS.reasoning.part, text };
}

function newId(prefix: string): string {
  return `${prefix}_${crypto.randomUUID().replaceAll('-', '')}`;
}
