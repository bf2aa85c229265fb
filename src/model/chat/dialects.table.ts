/** The dialects in which models call tools, and how to tell which a model speaks. */
import { forceJsonCall, JSON_CALL_OPEN, readJsonCall } from './jsonCalls.ts';
import type { Dialect } from './dialect.ts';
import { readTaggedCalls, type TaggedSyntax } from './taggedCalls.ts';
import { forceTaggedCall } from './taggedForce.ts';
import { forceFencedCall, forceTokenCall, readTokenCalls, TOKEN_CALL_OPENS } from './tokenCalls.ts';

/** Names of DSML's tags: the block, and what stands before each of the others. */
export interface DsmlTags {
  readonly block: string;
  readonly space: string;
}

export const DSML = '｜DSML｜';

/** How each version of DeepSeek's markup spells its tags. */
export const DSML_TAGS = {
  'v3.2': { block: 'function_calls', space: '' },
  v4: { block: 'tool_calls', space: '' },
  'v4.1': { block: ' calls', space: ' ' },
} as const satisfies Record<string, DsmlTags>;

const QWEN_XML: TaggedSyntax = {
  opens: ['<tool_call>'],
  close: '</tool_call>',
  callOpen: '<function=',
  writeHead: (name) => name,
  callHead: /^\s*["']?([^\s"'<>]+)["']?\s*$/,
  callClose: '</function>',
  argumentOpen: '<parameter=',
  argumentHead: /^\s*["']?([^\s"'<>]+)["']?\s*$/,
  argumentClose: '</parameter>',
  argumentCloseForgotten: ['\n<parameter=', '\n</function>\n</tool_call>'],
  valuesOnLines: true,
};

function dsmlSyntax({ block, space }: DsmlTags): TaggedSyntax {
  const open = `<${DSML}${block}>`;
  return {
    opens: [`\n\n${open}`, open],
    close: `</${DSML}${block}>`,
    callOpen: `<${DSML}${space}invoke`,
    writeHead: (name) => ` name="${name}"`,
    writeKind: (isText) => ` string="${isText}"`,
    callHead: /^\s+name="([^"]+)"\s*$/,
    callClose: `</${DSML}${space}invoke>`,
    argumentOpen: `<${DSML}${space}parameter`,
    argumentHead: /^\s+name="([^"]+)"(?:\s+string="(true|false)")?\s*$/,
    argumentClose: `</${DSML}${space}parameter>`,
    argumentCloseForgotten: [],
    valuesOnLines: false,
  };
}

function tagged(syntax: TaggedSyntax, trims: boolean): Dialect {
  return {
    opens: [...syntax.opens, syntax.callOpen],
    trims,
    read: (open, calls) => readTaggedCalls(syntax, open, calls),
    force: (tools) => forceTaggedCall(syntax, tools),
  };
}

export const DIALECTS = {
  /** Thoughts only. */
  plain: { opens: [], trims: true },
  qwenJson: {
    opens: [JSON_CALL_OPEN],
    trims: true,
    read: (_open, calls) => readJsonCall(calls),
    force: forceJsonCall,
  },
  qwenXml: tagged(QWEN_XML, true),
  deepseekV3: {
    opens: TOKEN_CALL_OPENS,
    trims: false,
    read: readTokenCalls,
    force: forceFencedCall,
  },
  deepseekV31: {
    opens: TOKEN_CALL_OPENS,
    trims: false,
    read: readTokenCalls,
    force: forceTokenCall,
  },
  deepseekV32: tagged(dsmlSyntax(DSML_TAGS['v3.2']), false),
  deepseekV4: tagged(dsmlSyntax(DSML_TAGS.v4), false),
  deepseekV41: tagged(dsmlSyntax(DSML_TAGS['v4.1']), false),
} as const satisfies Record<string, Dialect>;

export type DialectName = keyof typeof DIALECTS;

/** What a template writes only in its dialect; the first that fits counts. */
const SIGNS: readonly (readonly [DialectName, RegExp])[] = [
  ['deepseekV41', /<\s*(?:' \+ dsml_token \+ '|｜DSML｜) calls>/],
  ['deepseekV32', /DSML[^]*function_calls>/],
  ['deepseekV4', /DSML[^]*tool_calls>/],
  ['deepseekV31', /name(?:'\])?\s*\+\s*'<｜tool▁sep｜>/],
  ['deepseekV3', /<｜tool▁sep｜>/],
  ['qwenXml', /<function=/],
  ['qwenJson', /<tool_call>/],
];

/** The dialect that a chat template writes the calls of earlier turns in. */
export function dialectOfTemplate(template: string): DialectName {
  return SIGNS.find(([, sign]) => sign.test(template))?.[0] ?? 'plain';
}
