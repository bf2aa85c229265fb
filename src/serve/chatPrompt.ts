/** What a chat is written as, how the answer is read, and what it must be. */
import type { ChatMessage, ForcedCall, Tool } from '../model/index.ts';
import { ApiError, unsupported } from './apiError.ts';
import type { ReplyReader } from './choiceReader.ts';
import type { GenerationRequest } from './generation.ts';
import { encodePrompt } from './prompts.ts';
import type { Service } from './service.ts';
import { constraintOf } from './structure.ts';
import { chooseTools, type ToolFields } from './tools.ts';

/** A message is at least a token; what can never be read is refused before a template is run on it. */
export function requireFewMessages(param: string, count: number, { loop }: Service): void {
  if (count <= loop.contextTokens) return;
  throw new ApiError(
    400,
    `${param} must be at most as many as the context has tokens (${loop.contextTokens}), not ${count}`,
    { param, code: 'context_length_exceeded' },
  );
}

export interface ChatFields extends ToolFields {
  readonly reasoning_effort?: string | null | undefined;
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>> | null | undefined;
}

type ChatPart = Pick<GenerationRequest, 'prompts' | 'startReader' | 'startConstraint' | 'oneCall'>;

/** `schema`: what the answer must be JSON of, if it must. */
export async function chatPrompt(
  messages: readonly ChatMessage[],
  fields: ChatFields,
  schema: unknown,
  service: Service,
): Promise<ChatPart> {
  const { chat } = service.model;
  const { offered: tools, forced } = chooseTools(fields);
  const variables = variablesOf(fields);
  const written = chat.apply(messages, { tools, variables });
  if (tools.length > 0) requireToolsWritten(written, chat.apply(messages, { variables }));
  const startReader = (): ReplyReader => chat.startReply(written, tools, tools.length > 0);
  if (forced.length > 0) return forcedCall(written, forced, startReader, service);
  if (schema !== undefined && tools.length > 0)
    throw unsupported('response_format', 'an answer by a schema cannot call tools; leave them out');
  return {
    prompts: [await encodePrompt(written, service)],
    startReader,
    ...(schema !== undefined && { startConstraint: constraintOf(schema, written, service) }),
    oneCall: fields.parallel_tool_calls === false,
  };
}

/** The prompt goes on to where the JSON of the call begins, and the reader is told the rest of the format. */
async function forcedCall(
  written: string,
  tools: readonly Tool[],
  startReader: () => ReplyReader,
  service: Service,
): Promise<ChatPart> {
  const call = service.model.chat.forceCall(written, tools);
  if (call === undefined)
    throw unsupported(
      'tool_choice',
      'the calls of the model are not JSON, so it cannot be made to call',
    );
  const prompt = written + call.opening;
  return {
    prompts: [await encodePrompt(prompt, service)],
    startReader: () => readerOf(call, startReader()),
    startConstraint: constraintOf(call.schema, prompt, service),
    oneCall: true,
  };
}

function readerOf({ opening, closing }: ForcedCall, reader: ReplyReader): ReplyReader {
  reader.push(opening);
  return {
    push: (text) => reader.push(text),
    end: () => [...reader.push(closing), ...reader.end()],
  };
}

/** A template that does not write tools down leaves the model without any. */
function requireToolsWritten(written: string, without: string): void {
  if (written === without) throw unsupported('tools', 'the chat template of the model knows none');
}

/** Models know the effort by different names; none is no thinking at all. */
function variablesOf({ reasoning_effort: effort, chat_template_kwargs: kwargs }: ChatFields) {
  return {
    ...(typeof effort === 'string' && { reasoning_effort: effort }),
    ...(effort === 'none' && { enable_thinking: false, thinking: false }),
    ...kwargs,
  };
}
