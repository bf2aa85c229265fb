/** Bodies of responses: the same chats as chat completions, said in items. */
import { z } from 'zod';
import type { ChatMessage } from '../model/index.ts';
import { unsupported } from './apiError.ts';
import { chatPrompt, requireFewMessages } from './chatPrompt.ts';
import type { GenerationRequest } from './generation.ts';
import type { Service } from './service.ts';
import {
  flag,
  IDLE_FIELDS,
  refuseFields,
  SAMPLING_FIELDS,
  TEXT_FIELDS,
  textSettings,
} from './settings.ts';
import { responseFormat, schemaOf } from './structure.ts';
import { calledFunction, FUNCTION_TYPE, TOOL_FIELDS } from './tools.ts';

const text = z.string('a text');

const content = z.union(
  [text, z.array(z.object({ type: z.enum(['input_text', 'output_text']), text }))],
  { error: 'a text, or a list of parts {"type": "input_text", "text": …}' },
);

const item = z.union(
  [
    z.object({ type: z.literal('message').nullish(), role: text, content }),
    z.object({ type: z.literal('function_call'), call_id: text, name: text, arguments: text }),
    z.object({ type: z.literal('function_call_output'), call_id: text, output: text }),
    z.object({
      type: z.literal('reasoning'),
      content: z.array(z.object({ type: z.literal('reasoning_text'), text })).nullish(),
    }),
  ],
  { error: 'a message, a function_call, a function_call_output or a reasoning item' },
);

type Item = z.output<typeof item>;

const flatTool = z.object({ type: FUNCTION_TYPE, ...calledFunction.shape }, 'an object');

const choice = z.union(
  [z.enum(['none', 'auto', 'required']), z.object({ type: z.literal('function'), name: text })],
  { error: '"none", "auto", "required" or {"type": "function", "name": …}' },
);

export const RESPONSES_BODY = z.strictObject({
  ...SAMPLING_FIELDS,
  ...IDLE_FIELDS,
  model: TEXT_FIELDS.model,
  stream: flag,
  stream_options: TEXT_FIELDS.stream_options,
  input: z.union([text, z.array(item)], { error: 'a text, or a list of items' }),
  instructions: text.nullish(),
  max_output_tokens: TEXT_FIELDS.max_tokens,
  tools: z.array(flatTool, 'a list of tools').nullish(),
  tool_choice: choice.nullish(),
  parallel_tool_calls: TOOL_FIELDS.parallel_tool_calls,
  reasoning: z.object({ effort: text.nullish() }, 'an object').nullish(),
  text: z
    .object({ format: responseFormat.nullish(), verbosity: z.null().optional() }, 'an object')
    .nullish(),
  store: flag,
  truncation: z.enum(['disabled', 'auto'], '"disabled"').nullish(),
  background: flag,
  include: z.array(text, 'a list of texts').nullish(),
  top_logprobs: z.unknown().optional(),
  previous_response_id: z.unknown().optional(),
  conversation: z.unknown().optional(),
  prompt: z.unknown().optional(),
  max_tool_calls: z.unknown().optional(),
  context_management: z.unknown().optional(),
});

export type ResponsesBody = z.output<typeof RESPONSES_BODY>;

const REFUSED = {
  previous_response_id: 'the server keeps nothing; send the whole conversation as input',
  conversation: 'the server keeps nothing; send the whole conversation as input',
  prompt: 'the server keeps no templates; send the text',
  max_tool_calls: 'the server runs no tools itself',
  context_management: 'shorten the input',
  top_logprobs: 'use /v1/chat/completions',
};

export async function responsesRequest(
  body: ResponsesBody,
  service: Service,
): Promise<GenerationRequest> {
  requireAnswerable(body);
  const { instructions, input, tools, tool_choice: choice } = body;
  const items: readonly Item[] =
    typeof input === 'string' ? [{ role: 'user', content: input }] : input;
  requireFewMessages('input', items.length, service);
  const system =
    typeof instructions === 'string' ? [{ role: 'system', content: instructions }] : [];
  const fields = {
    reasoning_effort: body.reasoning?.effort,
    parallel_tool_calls: body.parallel_tool_calls,
    tools: tools?.map(({ type, ...called }) => ({ type, function: called })),
    tool_choice:
      typeof choice === 'object' && choice !== null
        ? { type: 'function' as const, function: { name: choice.name } }
        : choice,
  };
  const schema = schemaOf(body.text?.format, 'text.format');
  return {
    ...textSettings({ ...body, max_tokens: body.max_output_tokens }, service),
    ...(await chatPrompt([...system, ...messagesOf(items)], fields, schema, service)),
  };
}

function requireAnswerable(body: ResponsesBody): void {
  refuseFields(body, REFUSED);
  if (body.store === true) throw unsupported('store', 'the server keeps nothing');
  if (body.background === true) throw unsupported('background', 'the server keeps nothing');
  if (body.truncation === 'auto') throw unsupported('truncation', 'shorten the input');
  const more = body.include?.find((name) => name !== 'reasoning.encrypted_content');
  if (more !== undefined)
    throw unsupported('include', `${more.slice(0, 100)} is nothing that the server has`);
}

/** Items as turns: what an assistant thinks, says and calls in a row is one turn. */
function messagesOf(items: readonly Item[]): ChatMessage[] {
  const messages: ChatMessage[] = [];
  for (const next of items) {
    const message = messageOf(next);
    const last = messages.at(-1);
    if (last?.role === 'assistant' && message.role === 'assistant')
      messages[messages.length - 1] = joined(last, message);
    else messages.push(message);
  }
  return messages;
}

function messageOf(given: Item): ChatMessage {
  if ('output' in given)
    return { role: 'tool', content: given.output, tool_call_id: given.call_id };
  if ('arguments' in given) {
    const { call_id: id, name, arguments: text } = given;
    const call = { id, type: 'function' as const, function: { name, arguments: text } };
    return { role: 'assistant', content: null, tool_calls: [call] };
  }
  if ('role' in given) return { role: given.role, content: textOf(given.content) };
  const thoughts = (given.content ?? []).map(({ text }) => text).join('');
  return { role: 'assistant', content: null, reasoning_content: thoughts };
}

function textOf(content: string | readonly { readonly text: string }[]): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('\n');
}

function joined(first: ChatMessage, second: ChatMessage): ChatMessage {
  const join = (a = '', b = ''): string => a + b;
  const content = join(first.content ?? '', second.content ?? '');
  const reasoning = join(first.reasoning_content, second.reasoning_content);
  const calls = [...(first.tool_calls ?? []), ...(second.tool_calls ?? [])];
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}
