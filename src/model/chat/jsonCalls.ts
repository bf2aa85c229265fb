/** Calls written as a JSON object between tags, as Qwen2.5 and Qwen3 do since Hermes 2 Pro. */
import { isRecord } from '../../base/index.ts';
import type { CallWriter } from './callWriter.ts';
import type { ForcedCall } from './dialect.ts';
import type { Piece, Reading } from './marks.ts';
import type { Tool } from './message.ts';
import { parseForPython, toPythonJson } from './pythonJson.ts';

export const JSON_CALL_OPEN = '<tool_call>';
const CLOSE = '</tool_call>';
/** The usual order, in which arguments can be passed on as they come. */
const HEAD = /^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)+")\s*,\s*"arguments"\s*:\s*(?=\{)/;
const MAX_HEAD_CHARACTERS = 1024;

/** Read a call after its opening tag. False, with all unread, if there is none. */
export function* readJsonCall(calls: CallWriter): Reading<boolean> {
  let seen = '';
  for (;;) {
    const piece = yield [CLOSE, JSON_CALL_OPEN];
    if (piece.kind !== 'text') return finishCall(seen, piece, calls);
    const tested = seen.length;
    seen += piece.text;
    const head = tested < MAX_HEAD_CHARACTERS && HEAD.exec(seen.slice(0, MAX_HEAD_CHARACTERS));
    const name = head ? parsed(head[1]!) : undefined;
    if (typeof name === 'string') {
      calls.begin(name);
      calls.unread(seen.slice(head ? head[0].length : 0));
      yield* readArguments(calls);
      return true;
    }
    if (/^\s*[^\s{]/.test(seen)) {
      calls.unread(seen);
      return false;
    }
  }
}

/** A call in another order of fields, when it is whole. */
function finishCall(seen: string, closing: Piece, calls: CallWriter): boolean {
  const call = parsed(seen);
  const name = isRecord(call) ? call['name'] : undefined;
  if (!isRecord(call) || typeof name !== 'string' || name === '') {
    calls.unread(seen + closing.text);
    return false;
  }
  const given = call['arguments'] ?? {};
  calls.begin(name);
  calls.arguments(typeof given === 'string' ? given : toPythonJson(given));
  calls.end(true);
  if (closing.text !== CLOSE) calls.unread(closing.text);
  return true;
}

function* readArguments(calls: CallWriter): Reading<void> {
  const object = new ObjectEnd();
  for (;;) {
    const piece = yield [CLOSE];
    if (piece.kind === 'end' || (piece.kind === 'mark' && !object.inString))
      return calls.end(false);
    const length = object.take(piece.text);
    calls.arguments(piece.text.slice(0, length));
    if (!object.done) continue;
    calls.unread(piece.text.slice(length));
    return yield* readClosing(calls);
  }
}

/** The brace of the call and its closing tag; either may be missing. */
function* readClosing(calls: CallWriter): Reading<void> {
  let seen = '';
  for (;;) {
    const piece = yield [CLOSE, JSON_CALL_OPEN];
    if (piece.kind === 'text') seen += piece.text;
    if (piece.kind === 'text' && /^\s*\}?\s*$/.test(seen)) continue;
    calls.end(true);
    if (piece.kind === 'text') calls.unread(seen.replace(/^\s*\}/, ''));
    else if (piece.text !== CLOSE) calls.unread(piece.text);
    return;
  }
}

/** Finds the end of a JSON object that comes in pieces. */
class ObjectEnd {
  inString = false;
  #escaped = false;
  #depth = 0;
  done = false;

  /** How many characters belong to the object. */
  take(text: string): number {
    for (let at = 0; at < text.length; at++) {
      this.#step(text[at]!);
      if (this.done) return at + 1;
    }
    return text.length;
  }

  #step(character: string): void {
    if (this.#escaped) this.#escaped = false;
    else if (this.inString && character === '\\') this.#escaped = true;
    else if (character === '"') this.inString = !this.inString;
    else if (this.inString) return;
    else if (character === '{' || character === '[') this.#depth++;
    else if (character === '}' || character === ']') this.done = --this.#depth === 0;
  }
}

function parsed(text: string): unknown {
  try {
    return parseForPython(text);
  } catch {
    return undefined;
  }
}

/** A call of one of `tools`, with arguments by its schema. */
export function forceJsonCall(tools: readonly Tool[]): ForcedCall {
  const calls = tools.map(({ function: { name, parameters = { type: 'object' } } }) => ({
    sequence: [
      { text: `{"name": ${JSON.stringify(name)}, "arguments": ` },
      { json: parameters },
      { text: '}' },
    ],
  }));
  return { opening: `${JSON_CALL_OPEN}\n`, form: { oneOf: calls }, closing: `\n${CLOSE}` };
}
