/**
 * Chats of DeepSeek-V3.2, which ships code instead of a template.
 *
 * Source: `encoding/encoding_dsv32.py` of deepseek-ai/DeepSeek-V3.2. Variables: `thinking` or
 * `enable_thinking` (no, if not given), `drop_thinking`, `response_format`.
 */
import { UsageError } from '../../base/index.ts';
import {
  ASSISTANT,
  BOS,
  EOS,
  placeTools,
  readOptions,
  THINK,
  THINK_END,
  unknownRole,
  USER,
  type DeepseekOptions,
  type Turn,
} from './deepseekChat.ts';
import { responseFormatText, toolsTextV32, writeCalls } from './deepseekTools.ts';
import { DSML_TAGS } from './dialects.table.ts';
import type { ChatEncoder } from './message.ts';

const WHERE = 'chat of DeepSeek-V3.2';
const TAGS = DSML_TAGS['v3.2'];
const ROLES = 'system, developer, user, assistant, tool';

export const deepseekV32Chat: ChatEncoder = {
  apply(messages, options = {}) {
    const chat = readOptions(options, false);
    const all = placeTools(messages, options, ['system', 'developer']);
    const turns = chat.thinking && chat.dropThinking ? withoutOldDevelopers(all) : all;
    const last = lastQuestion(turns);
    return BOS + turns.map((_, index) => writeTurn(turns, index, last, chat)).join('');
  },
};

/** Index of the last turn that asks. */
function lastQuestion(turns: readonly Turn[]): number {
  return turns.findLastIndex(({ role }) => role === 'user' || role === 'developer');
}

/** Dropping thoughts also drops what developers said before the last question. */
function withoutOldDevelopers(turns: readonly Turn[]): Turn[] {
  const last = lastQuestion(turns);
  return turns.filter(({ role }, index) => role !== 'developer' || index >= last);
}

function writeTurn(
  turns: readonly Turn[],
  index: number,
  last: number,
  chat: DeepseekOptions,
): string {
  const turn = turns[index]!;
  const opens = chat.addGenerationPrompt || index < turns.length - 1;
  const think = chat.thinking && index >= last ? THINK : THINK_END;
  const opening = opens ? ASSISTANT + think : '';
  switch (turn.role) {
    case 'system':
      return [turn.content ?? '', ...extras(turn)].join('\n\n');
    case 'developer':
      return `${USER}${writeDeveloper(turn)}${opening}`;
    case 'user':
      return `${USER}${turn.content ?? ''}${opening}`;
    case 'tool':
      return writeResult(turns, index, opens ? `\n\n${think}` : '');
    case 'assistant':
      return writeAnswer(turn, chat.thinking && index > last);
    default:
      throw unknownRole(turn.role, ROLES, WHERE);
  }
}

function extras({ tools, responseFormat }: Turn): string[] {
  return [
    ...(tools ? [toolsTextV32(tools, TAGS)] : []),
    ...(responseFormat === undefined ? [] : [responseFormatText(responseFormat)]),
  ];
}

function writeDeveloper(turn: Turn): string {
  if (!turn.content) {
    throw new UsageError('a developer message must have content, not none', { where: WHERE });
  }
  return ['', ...extras(turn), `# The user's message is: ${turn.content}`].join('\n\n');
}

/** Results stand in one block, in the order of the calls. */
function writeResult(turns: readonly Turn[], index: number, opening: string): string {
  const asked = turns.findLastIndex(({ role }, at) => at < index && role !== 'tool');
  const calls = turns[asked]?.role === 'assistant' ? (turns[asked].tool_calls?.length ?? 0) : 0;
  const order = index - asked;
  if (order > calls) {
    throw new UsageError('a tool message must answer a call of the assistant turn before it', {
      where: WHERE,
    });
  }
  const result = `\n<result>${turns[index]!.content ?? ''}</result>`;
  const begin = order === 1 ? '\n\n<function_results>' : '';
  return begin + result + (order === calls ? `\n</function_results>${opening}` : '');
}

function writeAnswer(turn: Turn, thinks: boolean): string {
  const thoughts = thinks ? (turn.reasoning_content ?? '') + THINK_END : '';
  const calls = turn.tool_calls?.length ? writeCalls(turn.tool_calls, TAGS) : '';
  return `${thoughts}${turn.content ?? ''}${calls}${EOS}`;
}
