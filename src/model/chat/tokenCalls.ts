/**
 * Calls between tokens of their own, as DeepSeek V3 to V3.1 write them.
 *
 * V3 and R1: `…call begin｜>function<｜tool▁sep｜>NAME` and a fenced block of JSON;
 * V3.1: `…call begin｜>NAME<｜tool▁sep｜>` and the JSON itself.
 */
import type { CallWriter } from './callWriter.ts';
import type { ForcedCall } from './dialect.ts';
import type { Reading } from './marks.ts';
import type { Tool } from './message.ts';

const CALLS = '<｜tool▁calls▁begin｜>';
const CALLS_END = '<｜tool▁calls▁end｜>';
const CALL = '<｜tool▁call▁begin｜>';
const CALL_END = '<｜tool▁call▁end｜>';
const SEPARATOR = '<｜tool▁sep｜>';
const FENCE_END = '\n```';

/** Marks that begin calls; the block's own may be missing. */
export const TOKEN_CALL_OPENS = [CALLS, CALL];

/** Before the arguments: the rest of V3's line with the name, and its fence. */
const NAME_LINE = /^\s*([^\n{]+?)\s*\n(?:```(?:json)?\s*\n)?\s*(?=\{)/;
const MAX_HEAD_CHARACTERS = 512;
const ARGUMENT_ENDS = [CALL_END, CALLS_END].flatMap((mark) => [mark, FENCE_END + mark]);

/** Read the calls of a block after the mark `open`. False, with all unread, if no call begins it. */
export function* readTokenCalls(open: string, calls: CallWriter): Reading<boolean> {
  let any = false;
  let inCall = open === CALL || (yield* readNext(calls));
  while (inCall) {
    const name = yield* readName(calls);
    if (name === undefined) {
      if (any || open === CALLS) calls.unread(CALL);
      return any;
    }
    any = true;
    calls.begin(name);
    inCall = (yield* readArguments(calls)) && (yield* readNext(calls));
  }
  return any;
}

/** Whether another call begins; white space before it is left out, anything else is unread. */
function* readNext(calls: CallWriter): Reading<boolean> {
  let seen = '';
  for (;;) {
    const piece = yield [CALL, CALLS_END];
    if (piece.kind === 'mark') {
      if (piece.text === CALLS_END) calls.mark();
      return piece.text === CALL;
    }
    seen += piece.text;
    if (piece.kind === 'text' && piece.text.trim() === '') continue;
    calls.unread(seen);
    return false;
  }
}

/** The name, up to where the arguments begin; undefined, with all unread, if it is none. */
function* readName(calls: CallWriter): Reading<string | undefined> {
  let head = '';
  for (;;) {
    const piece = yield [SEPARATOR];
    if (piece.kind === 'mark') break;
    head += piece.text;
    if (piece.kind === 'end' || /[\n<]/.test(head) || head.length > MAX_HEAD_CHARACTERS) {
      calls.unread(head);
      return undefined;
    }
  }
  const name = head.trim();
  if (name !== '' && name !== 'function') return name;
  return yield* readNameLine(head, calls);
}

function* readNameLine(type: string, calls: CallWriter): Reading<string | undefined> {
  let seen = '';
  for (;;) {
    const piece = yield ARGUMENT_ENDS;
    seen += piece.text;
    const line = NAME_LINE.exec(seen.slice(0, MAX_HEAD_CHARACTERS));
    if (line) {
      calls.unread(seen.slice(line[0].length));
      return line[1];
    }
    if (piece.kind === 'text' && seen.length < MAX_HEAD_CHARACTERS) continue;
    calls.unread(type + SEPARATOR + seen);
    return undefined;
  }
}

/** Pass the arguments on. False if the block or the reply ended with them. */
function* readArguments(calls: CallWriter): Reading<boolean> {
  for (;;) {
    const piece = yield ARGUMENT_ENDS;
    if (piece.kind === 'text') calls.arguments(piece.text);
    else {
      calls.end(piece.kind === 'mark');
      return piece.text.endsWith(CALL_END);
    }
  }
}

/** A call as V3 and R1 write it. */
export function forceFencedCall(tools: readonly Tool[]): ForcedCall {
  return {
    opening: `${CALLS}${CALL}function${SEPARATOR}`,
    form: nameAndJson(tools, '\n```json\n'),
    closing: `${FENCE_END}${CALL_END}${CALLS_END}`,
  };
}

/** A call as V3.1 writes it. */
export function forceTokenCall(tools: readonly Tool[]): ForcedCall {
  return {
    opening: `${CALLS}${CALL}`,
    form: nameAndJson(tools, SEPARATOR),
    closing: `${CALL_END}${CALLS_END}`,
  };
}

function nameAndJson(tools: readonly Tool[], between: string): ForcedCall['form'] {
  const calls = tools.map(({ function: { name, parameters = { type: 'object' } } }) => ({
    sequence: [{ text: name + between }, { json: parameters }],
  }));
  return { oneOf: calls };
}
