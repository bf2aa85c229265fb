/**
 * Replies and what they say.
 *
 * Several are from reports of what other servers got wrong: calls within thoughts (vllm#39056), marks
 * that leak into the text when a stream is cut within them (vllm#40801), closing tags that the model
 * forgets (ollama#17914), JSON without its last brace, text lost with a malformed call (vllm#39771).
 */
import type { DialectName } from '../../../src/model/chat/dialects.table.ts';
import type { Tool } from '../../../src/model/index.ts';

export interface Expected {
  readonly content?: string;
  readonly reasoning?: string;
  /** Name and arguments, as text. */
  readonly calls?: readonly (readonly [string, string])[];
  /** Whether each call is complete; all are if not given. */
  readonly complete?: readonly boolean[];
}

export interface Reply extends Expected {
  readonly name: string;
  readonly text: string;
  /** The prompt ended within `<think>`. */
  readonly thinking?: boolean;
  readonly tools?: readonly Tool[];
}

const WEATHER: readonly [string, string] = ['weather', '{"city": "北京"}'];
const COUNT: Tool = {
  type: 'function',
  function: {
    name: 'count',
    parameters: { type: 'object', properties: { n: { type: 'integer' }, s: { type: 'string' } } },
  },
};

const THOUGHTS: readonly Reply[] = [
  { name: 'an answer', text: 'Hello, 世界 😀!', content: 'Hello, 世界 😀!' },
  { name: 'nothing', text: '' },
  { name: 'thoughts unfinished', text: 'I think', thinking: true, reasoning: 'I think' },
  {
    name: 'a closing mark without an opening one is text',
    text: 'so </think> what',
    content: 'so </think> what',
  },
  {
    name: 'an opening mark after text is text',
    text: 'a <think> b </think>',
    content: 'a <think> b </think>',
  },
];

const QWEN_THOUGHTS: readonly Reply[] = [
  ...THOUGHTS,
  {
    name: 'thoughts that the prompt opened',
    text: 'hm\n\nso\n</think>\n\nYes.\n',
    thinking: true,
    reasoning: 'hm\n\nso',
    content: 'Yes.\n',
  },
  {
    name: 'thoughts that the model opened',
    text: '\n<think>\nhm\n</think>\n\nYes.',
    reasoning: 'hm',
    content: 'Yes.',
  },
  { name: 'empty thoughts', text: '<think>\n\n</think>\n\nYes.', content: 'Yes.' },
  { name: 'half a mark at the end', text: 'a < b </thi', content: 'a < b </thi' },
];

const QWEN_JSON: readonly Reply[] = [
  {
    name: 'a call',
    text: '<tool_call>\n{"name": "weather", "arguments": {"city": "北京"}}\n</tool_call>',
    calls: [WEATHER],
  },
  {
    name: 'thoughts, text and two calls',
    text: 'Two.\n</think>\n\nI look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "北京"}}\n</tool_call>\n<tool_call>\n{"name": "f", "arguments": {"a": {"b": [1, "}"]}}}\n</tool_call>',
    thinking: true,
    reasoning: 'Two.',
    content: 'I look.',
    calls: [WEATHER, ['f', '{"a": {"b": [1, "}"]}}']],
  },
  {
    name: 'marks and braces within a text',
    text: '<tool_call>{"name": "f", "arguments": {"a": "</tool_call> \\" } <think>"}}</tool_call>',
    calls: [['f', '{"a": "</tool_call> \\" } <think>"}']],
  },
  {
    name: 'fields in another order',
    text: '<tool_call>\n{"arguments": {"a": 1.0}, "name": "f"}\n</tool_call>\nDone.',
    content: '\nDone.',
    calls: [['f', '{"a": 1.0}']],
  },
  {
    name: 'no arguments',
    text: '<tool_call>{"name": "f"}</tool_call>',
    calls: [['f', '{}']],
  },
  {
    name: 'arguments as a text',
    text: '<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>',
    calls: [['f', '{"a": 1}']],
  },
  {
    name: 'the last brace forgotten',
    text: '<tool_call>\n{"name": "f", "arguments": {"a": 1}\n</tool_call>\nDone.',
    content: '\nDone.',
    calls: [['f', '{"a": 1}']],
  },
  {
    name: 'two braces forgotten',
    text: '<tool_call>\n{"name": "f", "arguments": {"a": 1\n</tool_call> text',
    content: ' text',
    calls: [['f', '{"a": 1\n']],
    complete: [false],
  },
  {
    name: 'the closing tag forgotten',
    text: '<tool_call>{"name": "f", "arguments": {}}<tool_call>{"name": "g", "arguments": {}}',
    calls: [
      ['f', '{}'],
      ['g', '{}'],
    ],
  },
  {
    name: 'cut off within arguments',
    text: '<tool_call>\n{"name": "f", "arguments": {"a": "xy',
    calls: [['f', '{"a": "xy']],
    complete: [false],
  },
  {
    name: 'cut off within the name is text',
    text: 'So.\n<tool_call>\n{"name": "fu',
    content: 'So.\n<tool_call>\n{"name": "fu',
  },
  {
    name: 'a mark that is mentioned is text',
    text: 'Use <tool_call> tags, as in <tool_call>{...}</tool_call>.',
    content: 'Use <tool_call> tags, as in <tool_call>{...}</tool_call>.',
  },
  {
    name: 'JSON that is no call is text',
    text: '<tool_call>{"nom": "f"}</tool_call>',
    content: '<tool_call>{"nom": "f"}</tool_call>',
  },
  {
    name: 'a mark that is mentioned in thoughts is thought',
    text: 'Use <tool_call> here.\n</think>\n\nOK',
    thinking: true,
    reasoning: 'Use <tool_call> here.',
    content: 'OK',
  },
  {
    name: 'a call within thoughts',
    text: 'Now.\n<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>\n</think>\n\n',
    thinking: true,
    reasoning: 'Now.',
    calls: [['f', '{}']],
  },
];

const QWEN_XML: readonly Reply[] = [
  {
    name: 'a call',
    text: '<tool_call>\n<function=weather>\n<parameter=city>\n北京\n</parameter>\n</function>\n</tool_call>',
    calls: [WEATHER],
  },
  {
    name: 'all in one line',
    text: '<tool_call><function=weather><parameter=city>北京</parameter></function></tool_call>',
    calls: [WEATHER],
  },
  {
    name: 'a call within thoughts',
    text: '...\n<tool_call>\n<function=Finish>\n<parameter=answer>\n204\n</parameter>\n</function>\n</tool_call>\n</think>',
    thinking: true,
    reasoning: '...',
    calls: [['Finish', '{"answer": "204"}']],
  },
  {
    name: 'values of several lines keep theirs',
    text: '<tool_call>\n<function=f>\n<parameter=a>\n\nx\n  "y" \\\n\n</parameter>\n<parameter=b>\n\n</parameter>\n</function>\n</tool_call>',
    calls: [['f', '{"a": "\\nx\\n  \\"y\\" \\\\\\n", "b": ""}']],
  },
  {
    name: 'tags within a value',
    text: '<tool_call><function=f><parameter=a><div class="x">a</div> </function> <parameter=b>1 &lt;</parameter></function></tool_call>',
    calls: [['f', '{"a": "<div class=\\"x\\">a</div> </function> <parameter=b>1 &lt;"}']],
  },
  {
    name: 'types of the schema',
    text: '<tool_call><function=count><parameter=n>\n3\n</parameter><parameter=s>\n3\n</parameter></function></tool_call>',
    tools: [COUNT],
    calls: [['count', '{"n": 3, "s": "3"}']],
  },
  {
    name: 'no arguments, two calls in one block and text after them',
    text: '<tool_call>\n<function=f>\n</function>\n<function=g></function></tool_call>\nDone.',
    content: '\nDone.',
    calls: [
      ['f', '{}'],
      ['g', '{}'],
    ],
  },
  {
    name: 'closing tags forgotten',
    text: '<tool_call>\n<function=f>\n<parameter=a>\n1\n<parameter=b>\n2\n</function>\n</tool_call>\n<tool_call>\n<function=g>\n</tool_call>',
    calls: [
      ['f', '{"a": "1", "b": "2"}'],
      ['g', '{}'],
    ],
  },
  {
    name: 'cut off within a value',
    text: '<tool_call>\n<function=f>\n<parameter=a>\nxy\n</param',
    calls: [['f', '{"a": "xy\\n</param']],
    complete: [false],
  },
  {
    name: 'cut off between arguments',
    text: '<tool_call>\n<function=f>\n<parameter=a>\nxy\n</parameter>\n',
    calls: [['f', '{"a": "xy"']],
    complete: [false],
  },
  {
    name: 'a malformed argument is text, the others count',
    text: '<tool_call><function=f><parameter=a b\n1</parameter><parameter=c>2</parameter></function></tool_call>',
    content: '<parameter=a b\n1</parameter>',
    calls: [['f', '{"c": "2"}']],
  },
  {
    name: 'a malformed name is text',
    text: '<tool_call>\n<function=\nf>\n</function>\n</tool_call>',
    content: '<tool_call>\n<function=\nf>\n</function>\n</tool_call>',
  },
  {
    name: 'the opening tag of the block forgotten',
    text: 'Go.\n<function=count>\n<parameter=n>\n3\n</parameter>\n</function>\n</tool_call>',
    tools: [COUNT],
    content: 'Go.',
    calls: [['count', '{"n": 3}']],
  },
  {
    name: 'a tag outside a block whose tool was not offered is text',
    text: 'Go.\n<function=other>\n</function>',
    tools: [COUNT],
    content: 'Go.\n<function=other>\n</function>',
  },
  {
    name: 'marks that are mentioned are text',
    text: 'Write <tool_call> and then <function=name>.',
    content: 'Write <tool_call> and then <function=name>.',
  },
];

const DEEPSEEK_THOUGHTS: readonly Reply[] = [
  ...THOUGHTS,
  {
    name: 'newlines belong to the text',
    text: '\nhm\n</think>\n\nYes.\n',
    thinking: true,
    reasoning: '\nhm\n',
    content: '\n\nYes.\n',
  },
];

const DEEPSEEK_V3: readonly Reply[] = [
  ...DEEPSEEK_THOUGHTS,
  {
    name: 'a call of V3',
    text: '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{"city": "北京"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    calls: [WEATHER],
  },
  {
    name: 'two calls of V3 after text',
    text: 'I look.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>g\n```json\n{"a": "```"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    content: 'I look.',
    calls: [
      ['f', '{}'],
      ['g', '{"a": "```"}'],
    ],
  },
  {
    name: 'calls of V3.1',
    text: 'x</think>Now.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>{"city": "北京"}<｜tool▁call▁end｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    thinking: true,
    reasoning: 'x',
    content: 'Now.',
    calls: [WEATHER, ['f', '{}']],
  },
  {
    name: 'the mark of the block forgotten, and the last ones',
    text: '<｜tool▁call▁begin｜>f<｜tool▁sep｜>{"a": 1}<｜tool▁calls▁end｜> Done.',
    content: ' Done.',
    calls: [['f', '{"a": 1}']],
  },
  {
    name: 'cut off within arguments',
    text: '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{"a": 1}\n``',
    calls: [['f', '{"a": 1}\n``']],
    complete: [false],
  },
  {
    name: 'cut off before the arguments is text',
    text: '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```js',
    content: '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```js',
  },
  {
    name: 'arguments that are no JSON',
    text: '<｜tool▁call▁begin｜>f<｜tool▁sep｜>a=1<｜tool▁call▁end｜>',
    calls: [['f', 'a=1']],
    complete: [false],
  },
];

function dsml(block: string, space: string): readonly Reply[] {
  const [open, close] = [`<｜DSML｜${block}>`, `</｜DSML｜${block}>`];
  const invoke = (name: string, ...values: readonly string[]): string =>
    `<｜DSML｜${space}invoke name="${name}">\n${values.join('\n')}\n</｜DSML｜${space}invoke>`;
  const parameter = (name: string, isText: boolean, value: string): string =>
    `<｜DSML｜${space}parameter name="${name}" string="${isText}">${value}</｜DSML｜${space}parameter>`;
  const weather = invoke('weather', parameter('city', true, '北京'));
  return [
    ...DEEPSEEK_THOUGHTS,
    { name: 'a call', text: `\n\n${open}\n${weather}\n${close}`, calls: [WEATHER] },
    {
      name: 'thoughts, text and two calls',
      text: `so</think>I look.\n\n\n${open}\n${weather}\n${invoke('f')}\n${close}`,
      thinking: true,
      reasoning: 'so',
      content: 'I look.\n',
      calls: [WEATHER, ['f', '{}']],
    },
    {
      name: 'values of all kinds',
      text: `${open}${invoke('f', parameter('n', false, '3'), parameter('t', true, '3'), parameter('l', false, '[1, {"a": null}]'), parameter('s', true, 'a\n"b" \\ <x>'), parameter('no', false, 'not json'))}${close}`,
      calls: [
        [
          'f',
          '{"n": 3, "t": "3", "l": [1, {"a": null}], "s": "a\\n\\"b\\" \\\\ <x>", "no": "not json"}',
        ],
      ],
    },
    {
      name: 'marks within a value',
      text: `${open}\n${invoke('f', parameter('a', true, `</think> ${open} ｜DSML｜`))}\n${close}`,
      calls: [['f', `{"a": "</think> ${open} ｜DSML｜"}`]],
    },
    {
      name: 'a call within thoughts',
      text: `so\n\n${open}\n${weather}\n${close}`,
      thinking: true,
      reasoning: 'so',
      calls: [WEATHER],
    },
    {
      name: 'cut off within a value',
      text: `${open}\n<｜DSML｜${space}invoke name="f">\n<｜DSML｜${space}parameter name="a" string="true">x</｜DS`,
      calls: [['f', '{"a": "x</｜DS']],
      complete: [false],
    },
    {
      name: 'closing tags forgotten',
      text: `${open}\n<｜DSML｜${space}invoke name="f">\n${parameter('a', false, '1')}\n${close} Done.`,
      content: ' Done.',
      calls: [['f', '{"a": 1}']],
    },
    {
      name: 'the block not closed',
      text: `Go.\n\n${open}\n${weather}`,
      content: 'Go.',
      calls: [WEATHER],
    },
    {
      name: 'the opening tag of the block forgotten',
      text: `${invoke('count', parameter('n', false, '3'))}\n${close}`,
      tools: [COUNT],
      calls: [['count', '{"n": 3}']],
    },
    {
      name: 'another block is text',
      text: `<｜DSML｜other_calls>\n${weather}`,
      content: `<｜DSML｜other_calls>\n${weather}`,
    },
    {
      name: 'a block without a call is text',
      text: `a\n\n${open}\nnothing\n${close}`,
      content: `a\n\n${open}\nnothing\n${close}`,
    },
    {
      name: 'a tag without a name is text',
      text: `${open}\n<｜DSML｜${space}invoke nom="f">`,
      content: `${open}\n<｜DSML｜${space}invoke nom="f">`,
    },
  ];
}

export const REPLIES: Readonly<Record<DialectName, readonly Reply[]>> = {
  plain: QWEN_THOUGHTS,
  qwenJson: [...QWEN_THOUGHTS, ...QWEN_JSON],
  qwenXml: [...QWEN_THOUGHTS, ...QWEN_XML],
  deepseekV3: DEEPSEEK_V3,
  deepseekV31: DEEPSEEK_V3,
  deepseekV32: dsml('function_calls', ''),
  deepseekV4: dsml('tool_calls', ''),
  deepseekV41: dsml(' calls', ' '),
};
