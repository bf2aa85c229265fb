/** Calls that must come, in the format of each family: what the grammar lets a model say, and how it is read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Grammar, textsOf, Vocabulary, type Form } from '../../src/grammar/index.ts';
import type { Tokenizer, Tool } from '../../src/model/index.ts';
import { DIALECTS, type DialectName } from '../../src/model/chat/dialects.table.ts';
import { forceCall, startReply } from '../../src/model/chat/format.ts';
import { openPublishedTokenizer } from '../text/goldenTokenizers.ts';
import { serveScript } from './testServer.ts';

const TOOLS: readonly Tool[] = [
  {
    type: 'function',
    function: {
      name: 'weather',
      parameters: {
        type: 'object',
        properties: {
          city: { type: 'string' },
          unit: { type: 'string', enum: ['C', 'F'] },
          days: { type: 'integer', minimum: 1, maximum: 9 },
        },
        required: ['city', 'days'],
        additionalProperties: false,
      },
    },
  },
  { type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } },
];

const CITY = 'Xi’an <b>\n</p>';
const ARGUMENTS = { city: CITY, days: 3 };
const json = JSON.stringify(ARGUMENTS);
const NEVER = { days: '{"city": "a", "days": 10}', missing: '{"days": 3}' };

const xml = (city: string, days: string): string =>
  `<function=weather>\n${city}<parameter=days>\n${days}\n</parameter>\n</function>`;
const XML_CITY = `<parameter=city>\n${CITY}\n</parameter>\n`;

const dsml = (space: string, city: string, days: string): string => {
  const tag = (name: string, isText: boolean, value: string): string =>
    `<｜DSML｜${space}parameter name="${name}" string="${isText}">${value}</｜DSML｜${space}parameter>\n`;
  const first = city === '' ? '' : tag('city', true, city);
  return `<｜DSML｜${space}invoke name="weather">\n${first}${tag('days', false, days)}</｜DSML｜${space}invoke>`;
};

interface Case {
  readonly tokenizer: string;
  readonly right: string;
  readonly wrong: readonly string[];
}

const dsmlCase = (space: string): Case => ({
  tokenizer: 'deepseek_v4',
  right: dsml(space, CITY, '3'),
  wrong: [dsml(space, 'a', '10'), dsml(space, '', '3'), `<｜DSML｜${space}invoke name="rm">\n`],
});

const CASES: Readonly<Partial<Record<DialectName, Case>>> = {
  qwenJson: {
    tokenizer: 'qwen3',
    right: `{"name": "weather", "arguments": ${json}}`,
    wrong: [
      '{"name": "rm',
      ...Object.values(NEVER).map((a) => `{"name": "weather", "arguments": ${a}`),
    ],
  },
  qwenXml: {
    tokenizer: 'qwen3',
    right: xml(XML_CITY, '3'),
    wrong: [xml(XML_CITY, '10'), xml('', '3'), '<function=rm>'],
  },
  deepseekV3: {
    tokenizer: 'deepseek_v4',
    right: `weather\n\`\`\`json\n${json}`,
    wrong: ['rm\n', ...Object.values(NEVER).map((a) => `weather\n\`\`\`json\n${a}`)],
  },
  deepseekV31: {
    tokenizer: 'deepseek_v4',
    right: `weather<｜tool▁sep｜>${json}`,
    wrong: ['rm<｜tool▁sep｜>', ...Object.values(NEVER).map((a) => `weather<｜tool▁sep｜>${a}`)],
  },
  deepseekV32: dsmlCase(''),
  deepseekV4: dsmlCase(''),
  deepseekV41: dsmlCase(' '),
};

const tokenizers = new Map<string, Tokenizer>();
const vocabularies = new Map<string, Vocabulary>();

/** Whether a form lets a model say all of `text`, and then end. */
function takes(form: Form, text: string, name: string): boolean {
  const tokenizer = tokenizers.getOrInsertComputed(name, openPublishedTokenizer);
  const texts = textsOf(form);
  const marks = tokenizer.addedTexts().filter((mark) => texts.some((one) => one.includes(mark)));
  const vocabulary = vocabularies.getOrInsertComputed(
    [name, ...marks].join(),
    () => new Vocabulary(tokenizer.tokenBytes(marks)),
  );
  const constraint = Grammar.ofForm(form).constrain(vocabulary, [0]);
  try {
    for (const token of tokenizer.encode(text)) constraint.accept(token);
    return constraint.complete;
  } catch {
    return false;
  }
}

test('every format that has calls has a case', () => {
  const forcing = Object.keys(DIALECTS).filter((name) => 'force' in DIALECTS[name as DialectName]);
  assert.deepEqual(Object.keys(CASES), forcing);
});

for (const [name, { tokenizer, right, wrong }] of Object.entries(CASES)) {
  const dialect = name as DialectName;
  test(`${name}: a forced call is one of the tools, by its schema, and is read as such`, () => {
    const { opening, form, closing } = forceCall(dialect, '', TOOLS)!;
    assert.ok(takes(form, right, tokenizer), right);
    for (const text of wrong) assert.ok(!takes(form, text, tokenizer), text);
    const reader = startReply(dialect, '', TOOLS, true);
    const events = [...reader.push(opening + right), ...reader.push(closing), ...reader.end()];
    const begun = events.find((event) => event.kind === 'callBegin');
    assert.equal(begun?.name, 'weather');
    const given = events
      .map((event) => (event.kind === 'callArguments' ? event.text : ''))
      .join('');
    assert.deepEqual(JSON.parse(given), ARGUMENTS);
    assert.ok(!events.some(({ kind }) => kind === 'content'), 'nothing of the format is text');
  });

  test(`${name}: a model that would think is made to stop`, () => {
    const { opening } = forceCall(dialect, 'x<think>\n', TOOLS)!;
    assert.ok(opening.startsWith('</think>'));
  });
}

test('what tags cannot hold is refused by name', () => {
  const tool = (schema: object): Tool => ({
    type: 'function',
    function: { name: 'f', parameters: { type: 'object', properties: { a: schema } } },
  });
  assert.throws(
    () => forceCall('qwenXml', '', [tool({ type: 'string', pattern: '^a$' })]),
    /not to text with pattern/,
  );
  assert.throws(() => forceCall('qwenXml', '', [tool({ $ref: '#/$defs/a' })]), /text with \$ref/);
  const parameters = { anyOf: [{ type: 'object' }] };
  const other: Tool = { type: 'function', function: { name: 'f', parameters } };
  assert.throws(() => forceCall('deepseekV4', '', [other]), /parameters with anyOf/);
});

const XML_TEMPLATE =
  '{{ messages[0].content }}{% for tool in tools or [] %}{{ tool.function.name }}{% endfor %}<function=';

test('a server forces a call in tags, and lets an answer by a schema be a call instead', async (t) => {
  let said = xml(XML_CITY, '3');
  const { client, engine, service } = await serveScript(t, () => said, { template: XML_TEMPLATE });
  const asked = {
    model: 'script',
    messages: [{ role: 'user' as const, content: 'weather?' }],
    tools: TOOLS as never,
  };
  const called = async (more: object): Promise<unknown> => {
    const { choices } = await client.chat.completions.create({ ...asked, ...more });
    const [call] = choices[0]!.message.tool_calls ?? [];
    return call?.type === 'function'
      ? JSON.parse(call.function.arguments)
      : choices[0]!.message.content;
  };
  assert.deepEqual(await called({ tool_choice: 'required' }), ARGUMENTS);
  const prompt = service.model.tokenizer.decode(engine.asked[0]!.prompt);
  assert.ok(prompt.endsWith('<tool_call>\n'), prompt);

  const properties = { sunny: { type: 'boolean' } };
  const schema = { type: 'object', properties, required: ['sunny'], additionalProperties: false };
  const format = { type: 'json_schema', json_schema: { name: 'a', schema } };
  said = `<tool_call>\n${said}\n</tool_call>`;
  assert.deepEqual(await called({ response_format: format }), ARGUMENTS);
  said = '{"sunny": true}';
  assert.equal(await called({ response_format: format }), said);
  said = 'It is sunny.'; // neither
  assert.doesNotMatch(String(await called({ response_format: format, max_tokens: 8 })), /It is/);

  const strict = { type: 'string', minLength: 3 };
  const tool = {
    type: 'function',
    function: { name: 'f', parameters: { type: 'object', properties: { a: strict } } },
  };
  await assert.rejects(called({ tools: [tool], tool_choice: 'required' }), (error: Error) => {
    assert.match(error.message, /text with minLength/);
    assert.equal((error as { status?: number }).status, 400);
    return true;
  });
});
