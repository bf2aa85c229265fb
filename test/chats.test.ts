/** Chats as text against transformers' templates and the vendors' encoders (scripts/golden/make_chats.py). */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import {
  ChatTemplate,
  chatOfModelType,
  messageOf,
  readChatTemplate,
  type Chat,
  type ChatMessage,
  type Tool,
  type ToolCall,
} from '../src/model/index.ts';
import { publishedFolder } from './text/goldenTokenizers.ts';

const SCRIPTS = path.join(import.meta.dirname, '../scripts/golden');
const GOLDEN = path.join(import.meta.dirname, 'text/chats');

interface Format {
  readonly package?: string;
  readonly template?: string;
  readonly encoder?: string;
}

interface GivenChat {
  readonly name: string;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly Tool[];
}

interface Case {
  readonly chat: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly prompt: string;
}

const FORMATS = readJson(SCRIPTS, 'chatFormats.json') as Record<string, Format>;
const CHATS = new Map(
  Object.values(readJson(SCRIPTS, 'chats.json') as Record<string, GivenChat[]>)
    .flat()
    .map((chat) => [chat.name, chat]),
);

for (const [name, format] of Object.entries(FORMATS)) {
  describe(name, () => {
    const chat = openFormat(name, format);
    const { cases } = readJson(GOLDEN, `${name}.json`) as { cases: Case[] };
    for (const { chat: given, variables, prompt } of cases) {
      test(`${given}, ${JSON.stringify(variables)}`, () => {
        const { messages, tools = [] } = CHATS.get(given)!;
        assert.equal(chat.apply(messages, { tools, variables }), prompt);
      });
    }
  });
}

const ANSWER: ChatMessage = {
  role: 'assistant',
  content: 'I look it up.',
  reasoning_content: 'Two calls,\nin parallel.',
  tool_calls: [
    call('get_weather', '{"city": "北京", "note": "a\\n\\"b\\" </x>"}'),
    call('plan_trip', '{"budget": 12.5, "stops": ["a", {"b": null}], "empty": {}}'),
  ],
};

function call(name: string, text: string): ToolCall {
  return { type: 'function', function: { name, arguments: text } };
}

for (const name of Object.keys(FORMATS).filter((format) => format !== 'features')) {
  test(`what ${name} writes of an answer is read back`, () => {
    const chat = openFormat(name, FORMATS[name]!);
    const { tools = [] } = CHATS.get('tools offered')!;
    const question = { role: 'user', content: 'Go.' };
    const prompt = chat.apply([question], { tools });
    const answer = readable(name);
    const whole = chat.apply([question, answer], { tools, addGenerationPrompt: false });
    assert.ok(whole.startsWith(prompt));
    const reply = whole
      .slice(prompt.length)
      .replace(/(?:<｜end▁of▁sentence｜>|<\|im_end\|>\n)$/, '');
    const parser = chat.startReply(prompt, tools);
    assert.deepEqual(messageOf([...parser.push(reply), ...parser.end()]), answer);
  });
}

/** What a format can say of the answer: V3 either answers or calls, and only V3.2 and later and Qwen3 think aloud. */
function readable(format: string): ChatMessage {
  const { reasoning_content: _, ...silent } = ANSWER;
  if (format === 'deepseek_v3') return { ...silent, content: null };
  return format === 'qwen2_5' || format === 'deepseek_v32' ? silent : ANSWER;
}

function openFormat(name: string, format: Format): Chat {
  if (format.encoder !== undefined) return chatOfModelType(name)!;
  if (format.template !== undefined) {
    const source = fs.readFileSync(path.join(SCRIPTS, format.template), 'utf8');
    return new ChatTemplate(source, {}, format.template);
  }
  const config = readJson(publishedFolder(format.package!), 'tokenizer_config.json');
  return readChatTemplate(config as Record<string, unknown>, name);
}

function readJson(...parts: string[]): unknown {
  return JSON.parse(fs.readFileSync(path.join(...parts), 'utf8'));
}
