/** Pieces of each dialect, from which malformed replies are made. */
import type { DialectName } from '../../../src/model/chat/dialects.table.ts';

const THOUGHT = ['<think>', '</think>', '\n', '\n\n', ' ', 'é😀', '<', '>', '"'];

const QWEN_JSON = [
  '<tool_call>',
  '</tool_call>',
  '{"name": "f", "arguments": ',
  '{"a": 1}',
  '{"a": "',
  '"}',
  '}',
  '{"arguments": {}, "name": "g"}',
  '{"name": "h"}',
  '\\',
];

const QWEN_XML = [
  '<tool_call>',
  '</tool_call>',
  '<function=f>',
  '<function=',
  '</function>',
  '<parameter=a>',
  '<parameter=b>',
  '<parameter=',
  '</parameter>',
  '\n</function>\n</tool_call>',
];

const TOKENS = [
  '<｜tool▁calls▁begin｜>',
  '<｜tool▁calls▁end｜>',
  '<｜tool▁call▁begin｜>',
  '<｜tool▁call▁end｜>',
  '<｜tool▁sep｜>',
  'function',
  'f\n```json\n',
  '{"a": 1}',
  '\n```',
  'name',
];

function dsml(block: string, space: string): string[] {
  return [
    `<｜DSML｜${block}>`,
    `</｜DSML｜${block}>`,
    `<｜DSML｜${space}invoke name="f">`,
    `<｜DSML｜${space}invoke`,
    `</｜DSML｜${space}invoke>`,
    `<｜DSML｜${space}parameter name="a" string="true">`,
    `<｜DSML｜${space}parameter name="b" string="false">`,
    `<｜DSML｜${space}parameter name=`,
    `</｜DSML｜${space}parameter>`,
    '[1]',
    '｜DSML｜',
  ];
}

export const FRAGMENTS: Readonly<Record<DialectName, readonly string[]>> = {
  plain: THOUGHT,
  qwenJson: [...THOUGHT, ...QWEN_JSON, ...QWEN_JSON],
  qwenXml: [...THOUGHT, ...QWEN_XML, ...QWEN_XML],
  deepseekV3: [...THOUGHT, ...TOKENS, ...TOKENS],
  deepseekV31: [...THOUGHT, ...TOKENS, ...TOKENS],
  deepseekV32: [...THOUGHT, ...dsml('function_calls', ''), ...dsml('function_calls', '')],
  deepseekV4: [...THOUGHT, ...dsml('tool_calls', ''), ...dsml('tool_calls', '')],
  deepseekV41: [...THOUGHT, ...dsml(' calls', ' '), ...dsml(' calls', ' ')],
};
