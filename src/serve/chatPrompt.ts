/** What a chat is written as, how the answer is read, and what it must be. */
import type { Form } from '../grammar/index.ts';
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
  const form = schema === undefined ? undefined : answerForm(schema, tools, service);
  return {
    prompts: [await encodePrompt(written, service)],
    startReader,
    ...(form !== undefined && { startConstraint: constraintOf(form, written, service) }),
    oneCall: fields.parallel_tool_calls === false,
  };
}

/** JSON of a schema, or one call where tools are offered. */
function answerForm(schema: unknown, tools: readonly Tool[], { model }: Service): Form {
  if (tools.length === 0) return { json: schema };
  const call = required(model.chat.forceCall('', tools), 'response_format');
  const { opening, form, closing } = call;
  return { oneOf: [{ json: schema }, { sequence: [{ text: opening }, form, { text: closing }] }] };
}

/** The prompt goes on to where the name or the arguments of the call begin, and the reader is told the rest of the format. */
async function forcedCall(
  written: string,
  tools: readonly Tool[],
  startReader: () => ReplyReader,
  service: Service,
): Promise<ChatPart> {
  const call = required(service.model.chat.forceCall(written, tools), 'tool_choice');
  const prompt = written + call.opening;
  return {
    prompts: [await encodePrompt(prompt, service)],
    startReader: () => readerOf(call, startReader()),
    startConstraint: constraintOf(call.form, prompt, service),
    oneCall: true,
  };
}

function required(call: ForcedCall | undefined, param: string): ForcedCall {
  if (call !== undefined) return call;
  throw unsupported(param, 'how the model writes calls is not known, so it cannot be held to one');
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
