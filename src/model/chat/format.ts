/** How a model writes chats and reads its replies: all that a server needs to know of its format. */
import { deepseekV32Chat } from './deepseekV32.ts';
import { deepseekV41Chat, deepseekV4Chat } from './deepseekV4.ts';
import type { Dialect, ForcedCall } from './dialect.ts';
import { DIALECTS, type DialectName } from './dialects.table.ts';
import type { ChatEncoder, Tool } from './message.ts';
import { ReplyParser } from './reply.ts';

export interface Chat extends ChatEncoder {
  /**
   * Begin to read the reply to `prompt`, a text that `apply` wrote with `tools`. Without `readsCalls` what looks
   * like a call stays text.
   */
  startReply(prompt: string, tools?: readonly Tool[], readsCalls?: boolean): ReplyParser;
  /** How the reply to `prompt` is made a call of one of `tools`; undefined if the format has no way. */
  forceCall(prompt: string, tools: readonly Tool[]): ForcedCall | undefined;
}

/** Models that ship code instead of a template, by the `model_type` of config.json. */
const ENCODED: Readonly<Record<string, Chat>> = {
  deepseek_v32: encodedChat(deepseekV32Chat, 'deepseekV32'),
  deepseek_v4: encodedChat(deepseekV4Chat, 'deepseekV4'),
  deepseek_v41: encodedChat(deepseekV41Chat, 'deepseekV41'),
};

/** The format of a model without a template, if it is one of those that Celadon knows. */
export function chatOfModelType(modelType: unknown): Chat | undefined {
  return typeof modelType === 'string' && Object.hasOwn(ENCODED, modelType)
    ? ENCODED[modelType]
    : undefined;
}

function encodedChat(encoder: ChatEncoder, dialect: DialectName): Chat {
  return {
    apply: (messages, options) => encoder.apply(messages, options),
    startReply: (prompt, tools = [], readsCalls = true) =>
      startReply(dialect, prompt, tools, readsCalls),
    forceCall: (prompt, tools) => forceCall(dialect, prompt, tools),
  };
}

/** Begin to read a reply in a dialect; the end of the prompt says whether the model is thinking already. */
export function startReply(
  dialect: DialectName,
  prompt: string,
  tools: readonly Tool[],
  readsCalls: boolean,
): ReplyParser {
  const thinking = endsThinking(prompt);
  const { trims } = DIALECTS[dialect];
  return new ReplyParser(readsCalls ? DIALECTS[dialect] : { opens: [], trims }, {
    thinking,
    tools,
  });
}

/** A call that must come; a model that would think first is made to stop. */
export function forceCall(
  name: DialectName,
  prompt: string,
  tools: readonly Tool[],
): ForcedCall | undefined {
  const dialect: Dialect = DIALECTS[name];
  const forced = dialect.force?.(tools);
  if (forced === undefined || !endsThinking(prompt)) return forced;
  const between = dialect.trims ? '\n\n' : '';
  return { ...forced, opening: `</think>${between}${forced.opening}` };
}

/** Whether the model goes on from `prompt` by thinking. */
export function endsThinking(prompt: string): boolean {
  return prompt.trimEnd().endsWith('<think>');
}
