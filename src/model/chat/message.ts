/** What a chat is made of, in the shapes of the OpenAI API, which the vendors' templates read. */
import type { JsonRecord } from '../../base/index.ts';

/** One turn. Templates know the roles `system`, `user`, `assistant` and often `tool`; some of DeepSeek's more. */
export interface ChatMessage {
  readonly role: string;
  /** null where an assistant only calls tools. */
  readonly content: string | null;
  /** What an assistant thought before it answered. */
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly ToolCall[];
  /** Of a `tool` message: the call that it answers. */
  readonly tool_call_id?: string;
  /** Of a DeepSeek-V4 message: the internal task asked for, such as `title`. */
  readonly task?: string;
}

/** A function that an assistant calls. */
export interface ToolCall {
  readonly id?: string;
  readonly type?: 'function';
  readonly function: {
    readonly name: string;
    /** JSON text of an object. */
    readonly arguments: string;
  };
}

/** A function that an assistant may call. */
export interface Tool {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description?: string;
    /** JSON Schema of an object. */
    readonly parameters?: JsonRecord;
  };
}

/** How a chat is written out. */
export interface ChatOptions {
  /** End with the opening of the assistant's turn; true if not given. */
  readonly addGenerationPrompt?: boolean;
  readonly tools?: readonly Tool[];
  /** Further variables that the model knows, such as `enable_thinking` or `reasoning_effort`. */
  readonly variables?: JsonRecord;
}

/** Writes chats as the text a model was trained on. */
export interface ChatEncoder {
  /** Write messages out as text for the tokenizer. Throws UsageError when they cannot be written. */
  apply(messages: readonly ChatMessage[], options?: ChatOptions): string;
}
