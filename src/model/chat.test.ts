import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { FormatError, UnsupportedError, UsageError } from '../base/index.ts';
import { openChat } from './chat.node.ts';
import { ChatTemplate, readChatTemplate } from './chat.ts';
import { dialectOfTemplate } from './chat/dialects.table.ts';
import type { ChatMessage } from './chat/message.ts';

const TINY = path.join(import.meta.dirname, '../../models/qwen3-tiny');
const WHERE = 'tokenizer_config.json';
const HELLO: readonly ChatMessage[] = [{ role: 'user', content: 'hello' }];

test('the demo model writes turns as it was trained', () => {
  const template = openChat(TINY);
  const turns = [
    ...HELLO,
    { role: 'assistant', content: '你好' },
    { role: 'user', content: '再见' },
  ];
  const open = template.apply(turns);
  const closed = template.apply(turns, { addGenerationPrompt: false });
  assert.equal(
    closed,
    '<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n你好<|im_end|>\n<|im_start|>user\n再见<|im_end|>\n',
  );
  assert.equal(open, `${closed}<|im_start|>assistant\n`);
});

test('a template sees the special tokens of the model and the variables of the caller', () => {
  const config = {
    chat_template:
      '{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{% if thinking %}!{% endif %}',
    bos_token: { content: '<s>' },
    eos_token: '</s>',
    pad_token: null,
  };
  const template = readChatTemplate(config, WHERE);
  assert.equal(template.apply(HELLO), '<s>hello</s>');
  assert.equal(template.apply(HELLO, { variables: { thinking: true } }), '<s>hello</s>!');
});

test('of several templates the default one is used', () => {
  const named = [
    { name: 'tool_use', template: 'T' },
    { name: 'default', template: 'D' },
  ];
  assert.equal(readChatTemplate({ chat_template: named }, WHERE).apply(HELLO), 'D');
  assert.throws(
    () => readChatTemplate({ chat_template: named.slice(0, 1) }, WHERE),
    UnsupportedError,
  );
});

test('a template in a file of its own goes before the one in the configuration', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-chat-'));
  try {
    fs.writeFileSync(
      path.join(folder, WHERE),
      JSON.stringify({ chat_template: 'old', bos_token: 'B' }),
    );
    assert.equal(openChat(folder).apply(HELLO), 'old');
    fs.writeFileSync(path.join(folder, 'chat_template.jinja'), 'new {{ bos_token }}');
    assert.equal(openChat(folder).apply(HELLO), 'new B');
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test('a model without a template is refused', () => {
  for (const config of [{}, { chat_template: null }]) {
    assert.throws(() => readChatTemplate(config, WHERE), {
      name: UnsupportedError.name,
      message: 'the model must have a chat template, but has none',
      where: WHERE,
    });
  }
});

test('a model without a template is written by what is known of its type', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-chat-'));
  try {
    fs.writeFileSync(path.join(folder, WHERE), '{}');
    const variables = { thinking: true };
    const prompt = openChat(folder, 'deepseek_v32').apply(HELLO, { variables });
    assert.equal(prompt, '<｜begin▁of▁sentence｜><｜User｜>hello<｜Assistant｜><think>');
    assert.throws(() => openChat(folder, 'qwen3'), UnsupportedError);
    fs.writeFileSync(path.join(folder, WHERE), '{"chat_template": "own"}');
    assert.equal(openChat(folder, 'deepseek_v32').apply(HELLO), 'own');
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test('a template gets calls and empty contents in the form it takes', () => {
  const calls = [{ function: { name: 'f', arguments: '{"a": 1}' } }];
  const messages = [...HELLO, { role: 'assistant', content: null, tool_calls: calls }];
  const shown = (source: string): string => new ChatTemplate(source, {}, WHERE).apply(messages);
  const call = 'messages[1].tool_calls[0].function.arguments';
  assert.equal(shown(`{{ ${call} | tojson }}`), '{"a": 1}');
  assert.equal(shown(`{{ ${call} + '!' }}`), '{"a": 1}!');
  assert.equal(shown(`{% for k, v in ${call} | items %}{{ k }}={{ v }}{% endfor %}`), 'a=1');
  assert.equal(shown("{{ '[' + messages[1].content + ']' }}"), '[]');
  assert.equal(shown("{% if messages[1]['content'] is none %}none{% endif %}"), 'none');
});

test('the dialect of calls is told from the template', () => {
  const dialects = {
    plain: '{{ messages[0].content }}',
    qwenJson: "'<tool_call>\\n{'",
    qwenXml: "'<tool_call>\\n<function=' + name",
    deepseekV3: "'<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>' + tool.type + '<｜tool▁sep｜>'",
    deepseekV32: "{% set d = '｜DSML｜' %}{{ '<' + d + 'function_calls>' }}",
    deepseekV4: '{% if message.tool_calls %}<｜DSML｜tool_calls>',
    deepseekV41: "{% if message.tool_calls %}{{ '<' + dsml_token + ' calls>' }}｜DSML｜",
  };
  for (const [name, source] of Object.entries(dialects))
    assert.equal(dialectOfTemplate(source), name);
});

test('a template that is not Jinja, or not text, is refused', () => {
  assert.throws(
    () => readChatTemplate({ chat_template: '{% if %}' }, WHERE),
    (error) => error instanceof FormatError && /must be valid Jinja/.test(error.message),
  );
  assert.throws(() => readChatTemplate({ chat_template: 5 }, WHERE), {
    name: FormatError.name,
    message: 'chat_template must be a text or a list of named texts, not 5',
  });
});

test('messages that the template refuses are the fault of the request', () => {
  const strict = new ChatTemplate("{{ raise_exception('roles must alternate') }}", {}, WHERE);
  assert.throws(() => strict.apply(HELLO), {
    name: UsageError.name,
    message: 'the chat template must accept the messages: roles must alternate',
  });
  assert.throws(() => strict.apply([]), /at least one message, not none/);
});
