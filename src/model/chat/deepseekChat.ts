/** What DeepSeek's encodings without a template have in common: tokens, and the options of a chat. */
import { UsageError } from '../../base/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import type { ChatMessage, ChatOptions, Tool } from './message.ts';

export const BOS = '<｜begin▁of▁sentence｜>';
export const EOS = '<｜end▁of▁sentence｜>';
export const USER = '<｜User｜>';
export const ASSISTANT = '<｜Assistant｜>';
export const THINK = '<think>';
export const THINK_END = '</think>';

/** A turn, with what the request says for all turns where it is written. */
export interface Turn extends ChatMessage {
  readonly tools?: readonly Tool[];
  readonly responseFormat?: unknown;
}

export interface DeepseekOptions {
  readonly thinking: boolean;
  /** Leave out the thoughts of turns before the last question. */
  readonly dropThinking: boolean;
  readonly reasoningEffort: unknown;
  readonly addGenerationPrompt: boolean;
}

/** Read the options; `thinking` or `enable_thinking` is a choice of the caller, `reasoning_effort` "none" means no. */
export function readOptions(options: ChatOptions, thinkingByDefault: boolean): DeepseekOptions {
  const { addGenerationPrompt = true, variables = {} } = options;
  const effort = variables['reasoning_effort'] ?? undefined;
  const chosen = variables['thinking'] ?? variables['enable_thinking'] ?? thinkingByDefault;
  return {
    thinking: Boolean(chosen) && effort !== 'none',
    dropThinking: Boolean(variables['drop_thinking'] ?? true),
    reasoningEffort: effort === 'none' ? undefined : effort,
    addGenerationPrompt,
  };
}

/** Put tools and the format of the answer into the leading system turn, or a new one. */
export function placeTools(
  messages: readonly ChatMessage[],
  { tools = [], variables = {} }: ChatOptions,
  leadingRoles: readonly string[],
): Turn[] {
  if (messages.length === 0) {
    throw new UsageError('a chat must have at least one message, not none');
  }
  const given = extrasOf(tools, variables);
  if (Object.keys(given).length === 0) return [...messages];
  const [first, ...rest] = messages;
  return leadingRoles.includes(first!.role)
    ? [{ ...first!, ...given }, ...rest]
    : [{ role: 'system', content: '', ...given }, ...messages];
}

function extrasOf(tools: readonly Tool[], variables: JsonRecord): Partial<Turn> {
  const format = variables['response_format'] ?? undefined;
  return {
    ...(tools.length > 0 && { tools }),
    ...(format !== undefined && { responseFormat: format }),
  };
}

/** Refuse a role that the encoding does not have. */
export function unknownRole(role: string, known: string, where: string): UsageError {
  return new UsageError(
    `the role of a message must be one of ${known}, not ${JSON.stringify(role)}`,
    {
      where,
    },
  );
}
