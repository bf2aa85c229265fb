/**
 * Chat messages to the text a model was trained on, by the Jinja template that comes with it.
 *
 * What a user writes is put into the text as it stands, so a message may contain special tokens.
 */
import { Template } from '@huggingface/jinja';
import { z } from 'zod';
import { FormatError, isRecord, UnsupportedError, UsageError } from '../base/index.ts';
import { requireSchema } from '../schema/index.ts';
import type { JsonRecord } from '../base/index.ts';
import { dialectOfTemplate } from './chat/dialects.table.ts';
import { forceCall, startReply } from './chat/format.ts';
import type { ForcedCall } from './chat/dialect.ts';
import type { Chat } from './chat/format.ts';
import type { ChatMessage, ChatOptions, Tool } from './chat/message.ts';
import type { ReplyParser } from './chat/reply.ts';

/** Templates that write arguments as JSON or one by one, instead of as the text they come as. */
const TAKES_VALUES = /arguments'?\]?\s*\|\s*(?:tojson|items)|arguments'?\]?\.items\(/;
const TAKES_NULL = /(?<!_)content'?\]?\s+is\s+(?:not\s+)?none/;

const WITHOUT_CHAT = 'write the prompt as the model expects it and run without --chat';

/** A model's chat template. */
export class ChatTemplate implements Chat {
  readonly #template: Template;
  readonly #source: string;
  readonly #tokens: Readonly<Record<string, string>>;
  readonly #where: string;

  /** Parse a template; `tokens` are the variables `bos_token` and the like. Throws FormatError naming `where`. */
  constructor(source: string, tokens: Readonly<Record<string, string>>, where: string) {
    this.#template = parseTemplate(source, where);
    this.#source = source;
    this.#tokens = tokens;
    this.#where = where;
  }

  /**
   * What a message is to the template: some take arguments as values, and most know no content of null;
   * those that do tell by it that an assistant only calls.
   */
  #asTaken(message: ChatMessage): JsonRecord {
    const onlyCalls = message.tool_calls !== undefined && TAKES_NULL.test(this.#source);
    const taken = { ...message, content: message.content || (onlyCalls ? null : '') };
    return taken.tool_calls && TAKES_VALUES.test(this.#source) ? withArgumentValues(taken) : taken;
  }

  startReply(prompt: string, tools: readonly Tool[] = [], readsCalls = true): ReplyParser {
    return startReply(dialectOfTemplate(this.#source), prompt, tools, readsCalls);
  }

  forceCall(prompt: string, tools: readonly Tool[]): ForcedCall | undefined {
    return forceCall(dialectOfTemplate(this.#source), prompt, tools);
  }

  /** Write messages out as text for the tokenizer. Throws UsageError when the template refuses them. */
  apply(messages: readonly ChatMessage[], options: ChatOptions = {}): string {
    if (messages.length === 0)
      throw new UsageError('a chat must have at least one message, not none');
    const { addGenerationPrompt = true, tools = [], variables = {} } = options;
    try {
      return this.#template.render({
        ...this.#tokens,
        ...(tools.length > 0 && { tools }),
        ...variables,
        messages: messages.map((message) => this.#asTaken(message)),
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (error) {
      throw new UsageError(
        `the chat template must accept the messages: ${(error as Error).message}`,
        {
          where: this.#where,
          hint: WITHOUT_CHAT,
        },
      );
    }
  }
}

/** The arguments of a call as the value that JSON text stands for; the text itself if it is none. */
function withArgumentValues({ tool_calls: calls = [], ...message }: ChatMessage): JsonRecord {
  return {
    ...message,
    tool_calls: calls.map((call) => ({
      ...call,
      function: { ...call.function, arguments: valueOf(call.function.arguments) },
    })),
  };
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const SPECIAL_TOKENS = ['bos_token', 'eos_token', 'pad_token', 'unk_token'];
const named = z.object({ name: z.string(), template: z.string() }, 'an object');
const TEMPLATE = z.object({
  chat_template: z.union([z.string(), z.array(named)], 'a text or a list of named texts').nullish(),
});

/**
 * Take the chat template of a parsed tokenizer_config.json, or `source` where a file of its own holds
 * it. Throws UnsupportedError when there is neither.
 */
export function readChatTemplate(config: JsonRecord, where: string, source?: string): ChatTemplate {
  const template = source ?? templateOf(config, where);
  if (template !== undefined) return new ChatTemplate(template, specialTokens(config), where);
  throw new UnsupportedError('the model must have a chat template, but has none', {
    where,
    hint: WITHOUT_CHAT,
  });
}

/** Of several templates the one named `default` is for plain chat. */
function templateOf(config: JsonRecord, where: string): string | undefined {
  const { chat_template: template } = requireSchema(TEMPLATE, config, where);
  if (!Array.isArray(template)) return template ?? undefined;
  return template.find(({ name }) => name === 'default')?.template;
}

/** A special token is a text, or an object with the text as `content`. */
function specialTokens(config: JsonRecord): Record<string, string> {
  const tokens = SPECIAL_TOKENS.map((name) => {
    const token = config[name];
    return [name, isRecord(token) ? token['content'] : token];
  });
  return Object.fromEntries(tokens.filter(([, text]) => typeof text === 'string'));
}

function parseTemplate(source: string, where: string): Template {
  try {
    return new Template(source);
  } catch (error) {
    throw new FormatError(`the chat template must be valid Jinja: ${(error as Error).message}`, {
      where,
      hint: WITHOUT_CHAT,
    });
  }
}
