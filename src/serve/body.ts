/** Bodies of requests: read within limits, parsed, and checked field by field. */
import type { z } from 'zod';
import { isRecord, listProblems, parseJson } from '../base/index.ts';
import { schemaProblems } from '../schema/index.ts';
import { ApiError } from './apiError.ts';
import type { Limits } from './limits.ts';

/**
 * Reads the JSON body of `request` by `schema`. Throws ApiError (413 for a body that is too large, else
 * 400) or FormatError.
 */
export async function readBody<S extends z.ZodType>(
  request: Request,
  schema: S,
  { bodyBytes, bodyDepth }: Limits,
): Promise<z.output<S>> {
  const bytes = await readBytes(request, bodyBytes);
  if (depthOf(bytes) > bodyDepth)
    throw new ApiError(400, `the body must have at most ${bodyDepth} levels of brackets`, {
      code: 'invalid_body',
    });
  return checkBody(parseJson(bytes, 'the body'), schema);
}

/** Checks a parsed body; everything that is wrong is told at once. */
export function checkBody<S extends z.ZodType>(value: unknown, schema: S): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  if (!isRecord(value))
    throw new ApiError(400, 'the body must be a JSON object', { code: 'invalid_body' });
  const [issue] = result.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = [...(issue?.path ?? []), ...(unknown === undefined ? [] : [unknown])];
  throw new ApiError(400, listProblems(schemaProblems(result.error, value)), {
    param: path.map(String).join('.'),
    code: unknown === undefined ? 'invalid_value' : 'unknown_parameter',
  });
}

/** Reads a body of at most `most` bytes; a larger one is not read to its end. */
async function readBytes(request: Request, most: number): Promise<Uint8Array> {
  const declared = request.headers.get('content-length');
  if (Number(declared ?? 0) > most) throw tooLarge(most);
  // The server lets no more through than was declared; a stream would be a fifth of the work of a request.
  if (declared !== null) return new Uint8Array(await request.arrayBuffer());
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request.body ?? []) {
    length += part.length;
    if (length > most) throw tooLarge(most);
    parts.push(part);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function tooLarge(most: number): ApiError {
  return new ApiError(413, `the body must have at most ${most} bytes`, { code: 'body_too_large' });
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPEN: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSE: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** How deeply the brackets of JSON text are nested; of other text, some number. */
function depthOf(bytes: Uint8Array): number {
  let [depth, most, inText] = [0, 0, false];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) inText = !inText;
    else if (inText) at += byte === BACKSLASH ? 1 : 0;
    else if (OPEN.has(byte)) most = Math.max(most, ++depth);
    else if (CLOSE.has(byte)) depth--;
  }
  return most;
}
