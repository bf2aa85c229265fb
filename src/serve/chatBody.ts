/** Bodies of chat completions: what they may say, and what is generated for them. */
import { z } from 'zod';
import { integer } from '../base/index.ts';
import type { ChatMessage } from '../model/index.ts';
import { ApiError, unsupported } from './apiError.ts';
import type { GenerationRequest } from './generation.ts';
import { encodePrompt } from './prompts.ts';
import type { Service } from './service.ts';
import { flag, IDLE_FIELDS, refuseFields, TEXT_FIELDS, textSettings } from './settings.ts';
import { chooseTools, TOOL_FIELDS, type ToolFields } from './tools.ts';

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
  response_format: z.looseObject({ type: text }, 'an object').nullish(),
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
export function chatRequest(body: ChatBody, service: Service): GenerationRequest {
  requireAnswerable(body, service);
  const { max_completion_tokens: most, max_tokens: least, top_logprobs: top } = body;
  const settings = textSettings({ ...body, max_tokens: most ?? least }, service);
  if (body.logprobs !== true && typeof top === 'number')
    throw new ApiError(400, 'top_logprobs must come with "logprobs": true', {
      param: 'top_logprobs',
      code: 'invalid_value',
    });
  return {
    ...settings,
    ...chatPrompt(body.messages.map(messageOf), body, body, service),
    logprobs: body.logprobs === true ? (top ?? 0) : undefined,
  };
}

function requireAnswerable(body: ChatBody, service: Service): void {
  refuseFields(body, REFUSED);
  if (body.modalities?.some((modality) => modality !== 'text'))
    throw unsupported('modalities', 'the model gives text');
  if (body.store === true) throw unsupported('store', 'the server keeps nothing');
  const format = body.response_format?.type ?? 'text';
  if (format !== 'text') throw unsupported('response_format', `${format} needs constrained output`);
  requireFewMessages('messages', body.messages.length, service);
}

/** A message is at least a token; what can never be read is refused before a template is run on it. */
export function requireFewMessages(param: string, count: number, { loop }: Service): void {
  if (count <= loop.contextTokens) return;
  throw new ApiError(
    400,
    `${param} must be at most as many as the context has tokens (${loop.contextTokens}), not ${count}`,
    { param, code: 'context_length_exceeded' },
  );
}

export interface Thinking {
  readonly reasoning_effort?: string | null | undefined;
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>> | null | undefined;
}

/** What a chat is written as, and how the answer to it is read. */
export function chatPrompt(
  messages: readonly ChatMessage[],
  thinking: Thinking,
  fields: ToolFields,
  service: Service,
): Pick<GenerationRequest, 'prompts' | 'startReader' | 'oneCall'> {
  const { chat } = service.model;
  const tools = chooseTools(fields);
  const variables = variablesOf(thinking);
  const written = chat.apply(messages, { tools, variables });
  if (tools.length > 0) requireToolsWritten(written, chat.apply(messages, { variables }));
  return {
    prompts: [encodePrompt(written, service)],
    startReader: () => chat.startReply(written, tools, tools.length > 0),
    oneCall: fields.parallel_tool_calls === false,
  };
}

/** A template that does not write tools down leaves the model without any. */
function requireToolsWritten(written: string, without: string): void {
  if (written === without) throw unsupported('tools', 'the chat template of the model knows none');
}

/** Models know the effort by different names; none is no thinking at all. */
function variablesOf({ reasoning_effort: effort, chat_template_kwargs: kwargs }: Thinking) {
  return {
    ...(typeof effort === 'string' && { reasoning_effort: effort }),
    ...(effort === 'none' && { enable_thinking: false, thinking: false }),
    ...kwargs,
  };
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
