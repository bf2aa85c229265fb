/**
 * What DeepSeek's encodings without a template say about tools, and how they write calls in DSML.
 *
 * The texts are those the models were trained with, from `encoding/encoding_dsv32.py` of
 * deepseek-ai/DeepSeek-V3.2, `encoding/encoding_dsv4.py` of deepseek-ai/DeepSeek-V4-Flash-0731 and the
 * encoder of DeepSeek-V4.1 (MIT), so they may not be improved.
 */
import { isRecord } from '../../base/index.ts';
import { DSML, type DsmlTags } from './dialects.table.ts';
import type { Tool, ToolCall } from './message.ts';
import { parseForPython, toPythonJson } from './pythonJson.ts';

/** The block with the calls of a turn. */
export function writeCalls(calls: readonly ToolCall[], { block, space }: DsmlTags): string {
  const written = calls.map(
    ({ function: { name, arguments: given } }) =>
      `<${DSML}${space}invoke name="${name}">\n${writeArguments(given, space)}\n</${DSML}${space}invoke>`,
  );
  return `\n\n<${DSML}${block}>\n${written.join('\n')}\n</${DSML}${block}>`;
}

function writeArguments(given: string, space: string): string {
  const lines = Object.entries(argumentsOf(given)).map(([name, value]) => {
    const isText = typeof value === 'string';
    const text = isText ? value : toPythonJson(value);
    return `<${DSML}${space}parameter name="${name}" string="${isText}">${text}</${DSML}${space}parameter>`;
  });
  return lines.join('\n');
}

/** Text that is no JSON object, not even one within a string, is an argument of the name `arguments`. */
function argumentsOf(given: string): Readonly<Record<string, unknown>> {
  let value: unknown = given;
  for (let depth = 0; depth < 2 && typeof value === 'string'; depth++) {
    try {
      value = parseForPython(value);
    } catch {
      break;
    }
  }
  return isRecord(value) ? value : { arguments: given };
}

export function responseFormatText(schema: unknown): string {
  return `## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:\n${toPythonJson(schema)}`;
}

/** What the system turn of V3.2 says about tools. */
export function toolsTextV32(tools: readonly Tool[], { block, space }: DsmlTags): string {
  return `## Tools
You have access to a set of tools you can use to answer the user's question.
You can invoke functions by writing a "<${DSML}${block}>" block like the following as part of your reply to the user:
${exampleCalls('FUNCTION', { block, space })}
String and scalar parameters should be specified as is without any escaping or quotes, while lists and objects should use JSON format. The "string" attribute should be set to "true" for string type parameters and "false" for other types (numbers, booleans, arrays, objects).
If the thinking_mode is enabled, then after function results you should strongly consider outputting a thinking block. Here is an example:
<${DSML}${block}>
...
</${DSML}${block}>
<function_results>
...
</function_results>
<think>...thinking about results</think>
Here are the functions available in JSONSchema format:
<functions>
${schemaLines(tools)}
</functions>
`;
}

/** What the system turn of V4 and V4.1 says about tools. */
export function toolsTextV4(tools: readonly Tool[], { block, space }: DsmlTags): string {
  return `## Tools

You have access to a set of tools to help answer the user's question. You can invoke tools by writing a "<${DSML}${block}>" block like the following:

${exampleCalls('TOOL', { block, space })}

String parameters should be specified as is and set \`string="true"\`. For all other types (numbers, booleans, arrays, objects), pass the value in JSON format and set \`string="false"\`.

If thinking_mode is enabled (triggered by <think>), you MUST output your complete reasoning inside <think>...</think> BEFORE any tool calls or final response.

Otherwise, output directly after </think> with tool calls or final response.

### Available Tool Schemas

${schemaLines(tools)}

You MUST strictly follow the above defined tool name and parameter schemas to invoke tool calls.
`;
}

function exampleCalls(what: string, { block, space }: DsmlTags): string {
  return `<${DSML}${block}>
<${DSML}${space}invoke name="$${what}_NAME">
<${DSML}${space}parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</${DSML}${space}parameter>
...
</${DSML}${space}invoke>
<${DSML}${space}invoke name="$${what}_NAME2">
...
</${DSML}${space}invoke>
</${DSML}${block}>`;
}

function schemaLines(tools: readonly Tool[]): string {
  return tools.map((tool) => toPythonJson(tool.function)).join('\n');
}
