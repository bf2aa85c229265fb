/** Bodies of chat completions: what they may say, and what is generated for them. */
import { z } from 'zod';
import { integer } from '../schema/index.ts';
import type { ChatMessage } from '../model/index.ts';
import { ApiError, unsupported } from './apiError.ts';
import { chatPrompt, requireFewMessages } from './chatPrompt.ts';
import type { GenerationRequest } from './generation.ts';
import type { Service } from './service.ts';
import { flag, IDLE_FIELDS, refuseFields, TEXT_FIELDS, textSettings } from './settings.ts';
import { responseFormat, schemaOf } from './structure.ts';
import { TOOL_FIELDS } from './tools.ts';

const text = z.string('a text');

const part = z.object(
  { type: z.literal('text', '"text": this server reads nothing else'), text },
  'an object',
);

const call = z.object(
  {
    id: text.nullish(),
    type: z.literal('function', '"function"').nullish(),
    function: z.object({ name: text, arguments: text }, 'an object'),
  },
  'an object',
);

/** Fields that other servers add to their messages are left out, so that an answer can be sent back. */
const message = z.object(
  {
    role: text,
    content: z
      .union([text, z.array(part)], {
        error: 'a text, or a list of parts {"type": "text", "text": …}',
      })
      .nullish(),
    reasoning_content: text.nullish(),
    tool_calls: z.array(call, 'a list of calls').nullish(),
    tool_call_id: text.nullish(),
  },
  'an object',
);

export const CHAT_BODY = z.strictObject({
  ...TEXT_FIELDS,
  ...IDLE_FIELDS,
  ...TOOL_FIELDS,
  messages: z.array(message, 'a list of messages').min(1, 'a list of at least one message'),
  max_completion_tokens: TEXT_FIELDS.max_tokens,
  logprobs: flag,
  top_logprobs: integer(0, 20).nullish(),
  reasoning_effort: text.nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown(), 'an object').nullish(),
  store: flag,
  verbosity: z.unknown().optional(),
  modalities: z.array(text, 'a list of texts').nullish(),
  response_format: responseFormat.nullish(),
  audio: z.unknown().optional(),
  prediction: z.unknown().optional(),
  web_search_options: z.unknown().optional(),
  functions: z.unknown().optional(),
  function_call: z.unknown().optional(),
});

export type ChatBody = z.output<typeof CHAT_BODY>;

const REFUSED = {
  audio: 'the model gives text',
  prediction: 'guesses are made by the engine',
  web_search_options: 'the server searches nothing',
  functions: 'give them as tools',
  function_call: 'give it as tool_choice',
  verbosity: 'the model knows no such setting; say it in a message',
};

/** A body as a chat and its settings. */
export async function chatRequest(body: ChatBody, service: Service): Promise<GenerationRequest> {
  requireAnswerable(body, service);
  const { max_completion_tokens: most, max_tokens: least, top_logprobs: top } = body;
  const settings = textSettings({ ...body, max_tokens: most ?? least }, service);
  if (body.logprobs !== true && typeof top === 'number')
    throw new ApiError(400, 'top_logprobs must come with "logprobs": true', {
      param: 'top_logprobs',
      code: 'invalid_value',
    });
  const schema = schemaOf(body.response_format, 'response_format');
  return {
    ...settings,
    ...(await chatPrompt(body.messages.map(messageOf), body, schema, service)),
    logprobs: body.logprobs === true ? (top ?? 0) : undefined,
  };
}

function requireAnswerable(body: ChatBody, service: Service): void {
  refuseFields(body, REFUSED);
  if (body.modalities?.some((modality) => modality !== 'text'))
    throw unsupported('modalities', 'the model gives text');
  if (body.store === true) throw unsupported('store', 'the server keeps nothing');
  requireFewMessages('messages', body.messages.length, service);
}

function messageOf(given: z.output<typeof message>): ChatMessage {
  const {
    role,
    content,
    reasoning_content: reasoning,
    tool_calls: calls,
    tool_call_id: id,
  } = given;
  return {
    role,
    content: Array.isArray(content)
      ? content.map(({ text }) => text).join('\n')
      : (content ?? null),
    ...(typeof reasoning === 'string' && { reasoning_content: reasoning }),
    ...(calls && calls.length > 0 && { tool_calls: calls.map(callOf) }),
    ...(typeof id === 'string' && { tool_call_id: id }),
  };
}

function callOf({ id, function: called }: z.output<typeof call>) {
  return { ...(typeof id === 'string' && { id }), type: 'function' as const, function: called };
}
