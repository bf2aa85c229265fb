/** Thoughts, calls of tools, and errors, by the official client; the model says what the test has it say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { serveScript } from './testServer.ts';

const TOOLS: OpenAI.Chat.ChatCompletionTool[] = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'Weather of a city',
      parameters: { type: 'object', properties: { city: { type: 'string' } } },
    },
  },
];

const CALL = (city: string) =>
  `<tool_call>\n{"name": "get_weather", "arguments": {"city": "${city}"}}\n</tool_call>`;
const CITIES = [{ city: 'Xi’an' }, { city: '北京' }];

function argumentsOf(call: { readonly type?: string }): unknown {
  return JSON.parse((call as OpenAI.Chat.ChatCompletionMessageFunctionToolCall).function.arguments);
}

const THINKS_AND_CALLS = `<think>\nI must look.\n</think>\n\nLet me see.\n${CALL('Xi’an')}\n${CALL('北京')}`;

test('thoughts and parallel calls come apart, at once and in a stream', async (t) => {
  const { client, engine } = await serveScript(t, () => THINKS_AND_CALLS);
  const asked = {
    model: 'script',
    messages: [{ role: 'user' as const, content: 'weather?' }],
    tools: TOOLS,
  };
  const answer = await client.chat.completions.create(asked);
  const [choice] = answer.choices;
  const message = choice!.message as OpenAI.Chat.ChatCompletionMessage & {
    reasoning_content?: string;
  };
  assert.equal(choice!.finish_reason, 'tool_calls');
  assert.equal(message.reasoning_content, 'I must look.');
  assert.equal(message.content, 'Let me see.');
  assert.deepEqual(message.tool_calls!.map(argumentsOf), CITIES);
  assert.ok(answer.usage!.completion_tokens_details!.reasoning_tokens! > 0);
  assert.equal(answer.usage!.prompt_tokens_details!.cached_tokens, 2);

  const runner = client.chat.completions.stream(asked);
  const streamed = await runner.finalChatCompletion();
  const [whole] = streamed.choices;
  assert.equal(whole!.finish_reason, 'tool_calls');
  assert.equal(whole!.message.content, 'Let me see.');
  assert.deepEqual(whole!.message.tool_calls!.map(argumentsOf), CITIES);
  assert.equal(new Set(whole!.message.tool_calls!.map(({ id }) => id)).size, 2);

  await t.test('one call when no more are wanted, and the model goes no further', async () => {
    const one = await client.chat.completions.create({ ...asked, parallel_tool_calls: false });
    assert.equal(one.choices[0]!.message.tool_calls!.length, 1);
    assert.equal(one.choices[0]!.finish_reason, 'tool_calls');
    assert.ok(one.usage!.completion_tokens < answer.usage!.completion_tokens);
  });

  await t.test('no calls when none are wanted', async () => {
    const none = await client.chat.completions.create({ ...asked, tool_choice: 'none' });
    assert.equal(none.choices[0]!.message.tool_calls, undefined);
    assert.match(none.choices[0]!.message.content!, /get_weather/);
    assert.equal(none.choices[0]!.finish_reason, 'stop');
  });

  await t.test('an answer can be sent back with the results of its calls', async () => {
    const results = message.tool_calls!.map(({ id }) => ({
      role: 'tool' as const,
      tool_call_id: id,
      content: '20°',
    }));
    const messages = [...asked.messages, message, ...results];
    await client.chat.completions.create({ ...asked, messages });
    const prompt = engine.asked.at(-1)!.prompt.length;
    assert.ok(prompt > engine.asked[0]!.prompt.length);
  });

  await t.test('responses', async () => {
    const tools = TOOLS.map((tool) => ({
      type: 'function' as const,
      strict: false,
      ...(tool as OpenAI.Chat.ChatCompletionFunctionTool).function,
      parameters: { type: 'object' },
    }));
    const response = await client.responses
      .stream({ model: 'script', input: 'weather?', tools })
      .finalResponse();
    assert.deepEqual(
      response.output.map(({ type }) => type),
      ['reasoning', 'message', 'function_call', 'function_call'],
    );
    const [thought, said, ...called] = response.output;
    assert.deepEqual(
      called.map((item) =>
        JSON.parse((item as OpenAI.Responses.ResponseFunctionToolCall).arguments),
      ),
      [{ city: 'Xi’an' }, { city: '北京' }],
    );
    assert.equal(
      (thought as OpenAI.Responses.ResponseReasoningItem).content![0]!.text,
      'I must look.',
    );
    assert.equal((said as OpenAI.Responses.ResponseOutputMessage).status, 'completed');
    const outputs = called.map((item) => ({
      type: 'function_call_output' as const,
      call_id: (item as OpenAI.Responses.ResponseFunctionToolCall).call_id,
      output: '20°',
    }));
    const input = [
      { role: 'user' as const, content: 'weather?' },
      ...(response.output as OpenAI.Responses.ResponseInputItem[]),
      ...outputs,
    ];
    await client.responses.create({ model: 'script', input, tools });
  });
});

test('a call that must come has a name and arguments by a schema', async (t) => {
  const call = '{"name": "get_weather", "arguments": {"city": "北京"}}';
  let said = call;
  const { client, engine, service } = await serveScript(t, () => said);
  const asked = {
    model: 'script',
    messages: [{ role: 'user' as const, content: 'weather?' }],
    tools: TOOLS,
    tool_choice: 'required' as const,
  };
  const answer = await client.chat.completions.create(asked);
  const [choice] = answer.choices;
  assert.equal(choice!.finish_reason, 'tool_calls');
  assert.deepEqual(choice!.message.tool_calls!.map(argumentsOf), [{ city: '北京' }]);
  const prompt = service.model.tokenizer.decode(engine.asked[0]!.prompt);
  assert.ok(prompt.endsWith('<|im_start|>assistant\n<tool_call>\n'));
  const named = { type: 'function' as const, function: { name: 'get_weather' } };
  const chunks = client.chat.completions.stream({ ...asked, tool_choice: named });
  const { choices } = await chunks.finalChatCompletion();
  assert.deepEqual(choices[0]!.message.tool_calls!.map(argumentsOf), [{ city: '北京' }]);

  said = '{"name": "rm", "arguments": {"city": 3}}'; // what the grammar does not allow is not said
  const other = await client.chat.completions.create({ ...asked, max_tokens: 40 });
  assert.doesNotMatch(JSON.stringify(other), /"rm"/);

  await assert.rejects(
    () =>
      client.chat.completions.create({
        ...asked,
        tool_choice: { ...named, function: { name: 'x' } },
      }),
    /tool_choice must be of tools that the request offers/,
  );
  const flat = {
    type: 'function' as const,
    name: 'get_weather',
    strict: true,
    parameters: { type: 'object', properties: {}, additionalProperties: false },
  };
  said = '{"name": "get_weather", "arguments": {}}';
  const response = await client.responses.create({
    model: 'script',
    input: 'x',
    tools: [flat],
    tool_choice: 'required',
  });
  assert.deepEqual(
    response.output.map(({ type }) => type),
    ['function_call'],
  );
});

test('a model that thinks may think before its answer by a schema', async (t) => {
  const template = '{{ messages[0].content }}<think>\n';
  const { client } = await serveScript(t, () => 'so much </think>{"a": 1} and more', { template });
  const properties = { a: { type: 'integer' } };
  const schema = { type: 'object', properties, required: ['a'], additionalProperties: false };
  const { choices } = await client.chat.completions.create({
    model: 'script',
    messages: [{ role: 'user', content: 'x' }],
    response_format: { type: 'json_schema', json_schema: { name: 'a', schema } },
  });
  const [{ message }] = choices as [OpenAI.Chat.ChatCompletion.Choice];
  assert.equal((message as { reasoning_content?: string }).reasoning_content, 'so much ');
  assert.equal(message.content, '{"a": 1}');
});

test('what is wrong is an error of its class, with the field that is wrong', async (t) => {
  const { client } = await serveScript(t, () => 'hello');
  const messages = [{ role: 'user' as const, content: 'hi' }];
  const format = (schema: object) => ({ type: 'json_schema', json_schema: { name: 'a', schema } });
  const wrong: readonly (readonly [object, number, string | null, string])[] = [
    [{ messages: [] }, 400, 'messages', 'invalid_value'],
    [{ temperature: 'hot' }, 400, 'temperature', 'invalid_value'],
    [{ n: 0 }, 400, 'n', 'invalid_value'],
    [{ n: 1000 }, 400, 'n', 'invalid_value'],
    [{ model: 'gpt-9' }, 404, 'model', 'model_not_found'],
    [{ frobnicate: 1 }, 400, 'frobnicate', 'unknown_parameter'],
    [{ functions: [] }, 400, 'functions', 'unsupported'],
    [{ store: true }, 400, 'store', 'unsupported'],
    [{ modalities: ['audio'] }, 400, 'modalities', 'unsupported'],
    [{ top_logprobs: 2 }, 400, 'top_logprobs', 'invalid_value'],
    [{ stop: [''] }, 400, 'stop.0', 'invalid_value'],
    [{ tool_choice: 'required' }, 400, 'tool_choice', 'invalid_value'],
    [{ response_format: { type: 'xml' } }, 400, 'response_format', 'unsupported'],
    [{ response_format: { type: 'json_schema' } }, 400, 'response_format', 'invalid_value'],
    [{ response_format: format({ not: {} }) }, 400, null, 'unsupported'],
    [{ response_format: format({ type: 'strange' }) }, 400, null, 'invalid_value'],
    [
      { response_format: format({ enum: Array.from({ length: 20_000 }, (_, i) => `value ${i}`) }) },
      400,
      null,
      'context_length_exceeded',
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] },
      400,
      'messages.0.content',
      'invalid_value',
    ],
    [
      { messages: [{ role: 'user', content: 'x '.repeat(5000) }] },
      400,
      null,
      'context_length_exceeded',
    ],
  ];
  for (const [change, status, param, code] of wrong) {
    const asked = {
      model: 'script',
      messages,
      ...change,
    } as OpenAI.Chat.ChatCompletionCreateParamsNonStreaming;
    await assert.rejects(
      () =>
        client.chat.completions
          .create(asked)
          .then((answer) =>
            assert.fail(`${JSON.stringify(change)} gave ${JSON.stringify(answer)}`),
          ),
      (error) => {
        assert.ok(error instanceof OpenAI.APIError, String(error));
        assert.deepEqual(
          [error.status, error.param, error.code],
          [status, param, code],
          error.message,
        );
        return true;
      },
    );
  }
});
