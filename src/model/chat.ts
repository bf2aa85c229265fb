/**
 * Chat messages to the text a model was trained on, by the Jinja template that comes with it.
 *
 * What a user writes is put into the text as it stands, so a message may contain special tokens.
 */
import { Template } from '@huggingface/jinja';
import { z } from 'zod';
import {
  FormatError,
  isRecord,
  requireSchema,
  UnsupportedError,
  UsageError,
} from '../base/index.ts';
import type { JsonRecord } from '../base/index.ts';

/** One turn. Templates know the roles `system`, `user`, `assistant` and often `tool`. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/** How a chat is written out. */
export interface ChatOptions {
  /** End with the opening of the assistant's turn; true if not given. */
  readonly addGenerationPrompt?: boolean;
  /** Further variables that the template knows, such as `enable_thinking` or `tools`. */
  readonly variables?: JsonRecord;
}

const WITHOUT_CHAT = 'write the prompt as the model expects it and run without --chat';

/** A model's chat template. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #tokens: Readonly<Record<string, string>>;
  readonly #where: string;

  /** Parse a template; `tokens` are the variables `bos_token` and the like. Throws FormatError naming `where`. */
  constructor(source: string, tokens: Readonly<Record<string, string>>, where: string) {
    this.#template = parseTemplate(source, where);
    this.#tokens = tokens;
    this.#where = where;
  }

  /** Write messages out as text for the tokenizer. Throws UsageError when the template refuses them. */
  apply(messages: readonly ChatMessage[], options: ChatOptions = {}): string {
    if (messages.length === 0)
      throw new UsageError('a chat must have at least one message, not none');
    const { addGenerationPrompt = true, variables = {} } = options;
    try {
      return this.#template.render({
        ...this.#tokens,
        ...variables,
        messages,
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
