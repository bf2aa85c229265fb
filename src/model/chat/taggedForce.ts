/** Calls of tools that must come, in the formats of nested tags. */
import { isRecord, UnsupportedError, type JsonRecord } from '../../base/index.ts';
import type { Form } from '../../grammar/index.ts';
import { isText } from './callWriter.ts';
import type { ForcedCall } from './dialect.ts';
import type { Tool } from './message.ts';
import type { TaggedSyntax } from './taggedCalls.ts';

/** What a tool's parameters may say besides; all else would not be kept. */
const KNOWN = new Set(
  '$schema $defs definitions title description type properties required additionalProperties'.split(
    ' ',
  ),
);
/** What text that is written as it stands is not held to. */
const OF_TEXT = ['pattern', 'format', 'minLength', 'maxLength'];

/**
 * A call of one of `tools`, each with its parameters in their order. Throws UnsupportedError for parameters that
 * are no object with properties, and for text with a pattern or a length.
 */
export function forceTaggedCall(syntax: TaggedSyntax, tools: readonly Tool[]): ForcedCall {
  const form = { oneOf: tools.map((tool) => callForm(syntax, tool)) };
  return { opening: `${syntax.opens[0]}\n`, form, closing: `\n${syntax.close}` };
}

function callForm(syntax: TaggedSyntax, { function: { name, parameters = {} } }: Tool): Form {
  const other = Object.keys(parameters).find((keyword) => !KNOWN.has(keyword));
  if (other !== undefined) throw unheld(`parameters with ${other}`, name);
  const { properties = {}, required = [] } = parameters;
  const must = new Set(Array.isArray(required) ? required : []);
  const values = Object.entries(isRecord(properties) ? properties : {}).map(
    ([key, schema]): Form => {
      const form = argumentForm(syntax, key, schema, parameters);
      return must.has(key) ? form : { oneOf: [form, { text: '' }] };
    },
  );
  const head = `${syntax.callOpen}${syntax.writeHead(name)}>\n`;
  return { sequence: [{ text: head }, ...values, { text: syntax.callClose }] };
}

function argumentForm(
  syntax: TaggedSyntax,
  name: string,
  schema: unknown,
  parameters: JsonRecord,
): Form {
  const { argumentOpen, argumentHead, argumentClose, valuesOnLines, writeKind } = syntax;
  const asText = writeKind === undefined ? isText(schema) : isPlainText(schema);
  const head = `${syntax.writeHead(name)}${writeKind?.(asText) ?? ''}`;
  if (!argumentHead.test(head)) throw unheld('a parameter of such a name', name);
  const line = valuesOnLines ? '\n' : '';
  const open = { text: `${argumentOpen}${head}>${line}` };
  const close = `${line}${argumentClose}`;
  const value: readonly Form[] = asText
    ? textForms(syntax, name, schema, close)
    : [{ json: schema, root: parameters }, { text: close }];
  return { sequence: [open, ...value, { text: '\n' }] };
}

/** Text as it stands: one of those listed, or any without a tag that would end it. */
function textForms(syntax: TaggedSyntax, name: string, schema: unknown, close: string): Form[] {
  const listed = listedOf(schema);
  if (listed !== undefined)
    return [{ oneOf: listed.map((value) => ({ text: `${String(value)}${close}` })) }];
  const known = isRecord(schema) ? schema : {};
  const unkept = [...OF_TEXT, '$ref'].find((keyword) => Object.hasOwn(known, keyword));
  if (unkept !== undefined) throw unheld(`text with ${unkept}`, name);
  return [{ until: close, never: [syntax.argumentClose, ...syntax.argumentCloseForgotten] }];
}

function isPlainText(schema: unknown): boolean {
  if (!isRecord(schema)) return false;
  const listed = listedOf(schema);
  if (listed !== undefined) return listed.every((value) => typeof value === 'string');
  return schema['type'] === 'string' && !OF_TEXT.some((keyword) => Object.hasOwn(schema, keyword));
}

function listedOf(schema: unknown): readonly unknown[] | undefined {
  if (!isRecord(schema)) return undefined;
  if (Object.hasOwn(schema, 'const')) return [schema['const']];
  return Array.isArray(schema['enum']) ? schema['enum'] : undefined;
}

function unheld(what: string, where: string): UnsupportedError {
  return new UnsupportedError(`calls in tags can be held to plain parameters, not to ${what}`, {
    where,
    hint: "leave the model free (tool_choice 'auto'), or make the schema plainer",
  });
}
