import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../base/index.ts';
import { deepseekV32Chat } from './deepseekV32.ts';
import { deepseekV41Chat, deepseekV4Chat } from './deepseekV4.ts';
import type { ChatEncoder, ChatMessage, ChatOptions } from './message.ts';

const HELLO: ChatMessage = { role: 'user', content: 'hello' };

function refuses(
  chat: ChatEncoder,
  messages: readonly ChatMessage[],
  message: string,
  options?: ChatOptions,
): void {
  assert.throws(() => chat.apply(messages, options), { name: UsageError.name, message });
}

test('chats that an encoding does not have are refused with what it has', () => {
  const result = { role: 'tool', content: '1' };
  refuses(deepseekV32Chat, [], 'a chat must have at least one message, not none');
  refuses(
    deepseekV32Chat,
    [{ role: 'critic', content: '' }],
    'the role of a message must be one of system, developer, user, assistant, tool, not "critic"',
  );
  refuses(
    deepseekV32Chat,
    [HELLO, result],
    'a tool message must answer a call of the assistant turn before it',
  );
  refuses(
    deepseekV32Chat,
    [{ role: 'developer', content: null }],
    'a developer message must have content, not none',
  );
  refuses(
    deepseekV41Chat,
    [{ role: 'developer', content: 'x' }],
    'the role of a message must be one of system, user, assistant, tool, latest_reminder, not "developer"',
  );
  refuses(
    deepseekV4Chat,
    [{ ...HELLO, task: 'sing' }],
    'a task must be one of action, query, authority, domain, title, read_url, not "sing"',
  );
});

test('a reasoning effort that the model does not know is refused', () => {
  const effort = (reasoning_effort: unknown): ChatOptions => ({ variables: { reasoning_effort } });
  for (const unknown of ['extreme', 'toString', 3])
    assert.throws(() => deepseekV4Chat.apply([HELLO], effort(unknown)), UsageError);
  for (const unknown of ['extreme', 'toString', 0, 101, 1.5, true])
    assert.throws(() => deepseekV41Chat.apply([HELLO], effort(unknown)), UsageError);
  refuses(
    deepseekV41Chat,
    [HELLO],
    'the reasoning effort must be low, high, max or an integer from 1 to 100, not 0',
    effort(0),
  );
  assert.match(deepseekV4Chat.apply([HELLO], effort('none')), /<\/think>$/);
});

test('without a generation prompt the text ends with the last turn', () => {
  const options = { addGenerationPrompt: false };
  for (const chat of [deepseekV32Chat, deepseekV4Chat, deepseekV41Chat])
    assert.match(chat.apply([HELLO], options), /<｜User｜>hello$/);
});
