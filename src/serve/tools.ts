/** Tools that a request offers, and which of them the model may call. */
import { z } from 'zod';
import type { Tool } from '../model/index.ts';
import { ApiError, unsupported } from './apiError.ts';
import { flag } from './settings.ts';

const text = z.string('a text');
const MAX_TOOLS = 128;

export const FUNCTION_TYPE = z.literal('function', '"function": the server runs no tools itself');

export const calledFunction = z.object(
  {
    name: text.regex(/^[\w.-]{1,64}$/, 'a name of 1 to 64 letters, digits, _, . and -'),
    description: text.nullish(),
    parameters: z.record(z.string(), z.unknown(), 'an object').nullish(),
    strict: flag,
  },
  'an object',
);

const tool = z.object({ type: FUNCTION_TYPE, function: calledFunction }, 'an object');

const choice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    z.object({ type: z.literal('function'), function: z.object({ name: text }) }),
  ],
  { error: '"none", "auto", "required" or {"type": "function", "function": {"name": …}}' },
);

export const TOOL_FIELDS = {
  tools: z.array(tool, 'a list of tools').max(MAX_TOOLS, `at most ${MAX_TOOLS} tools`).nullish(),
  tool_choice: choice.nullish(),
  parallel_tool_calls: flag,
};

export type ToolFields = z.output<z.ZodObject<typeof TOOL_FIELDS>>;

/** What the model is told of, and what it must call. */
export interface ChosenTools {
  readonly offered: readonly Tool[];
  /** Those of which one must be called; none where the model is free. */
  readonly forced: readonly Tool[];
}

/** Throws ApiError for a choice among no tools, or of one that is not there. */
export function chooseTools({ tools, tool_choice: choice }: ToolFields): ChosenTools {
  const offered = (tools ?? []).map(toolOf);
  if (choice === 'none') return { offered: [], forced: [] };
  if (choice === undefined || choice === null || choice === 'auto') {
    const strict = tools?.find(({ function: called }) => called.strict === true);
    if (strict === undefined) return { offered, forced: [] };
    throw unsupported('strict', 'only a call that must come (tool_choice) is held to its schema');
  }
  const name = choice === 'required' ? undefined : choice.function.name;
  const forced = offered.filter((tool) => name === undefined || tool.function.name === name);
  if (forced.length > 0) return { offered, forced };
  throw new ApiError(400, 'tool_choice must be of tools that the request offers', {
    param: 'tool_choice',
    code: 'invalid_value',
  });
}

/** Fields of null are left out: templates would write them down. */
function toolOf({ function: called }: z.output<typeof tool>): Tool {
  const { name, description, parameters } = called;
  return {
    type: 'function',
    function: {
      name,
      ...(typeof description === 'string' && { description }),
      ...(parameters && { parameters }),
    },
  };
}
