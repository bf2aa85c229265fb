/**
 * Calls written as nested tags: a block of calls, a tag for each call, a tag for each argument.
 *
 * Qwen's XML and DeepSeek's DSML differ in how the tags are spelled (`TaggedSyntax`), and in how a
 * value says whether it is text or JSON.
 */
import type { CallWriter } from './callWriter.ts';
import type { Reading } from './marks.ts';

/** How tags are spelled; those of calls and arguments go on to `>`. */
export interface TaggedSyntax {
  readonly opens: readonly string[];
  readonly close: string;
  readonly callOpen: string;
  /** What is written after `callOpen` and `argumentOpen`, to the `>`. */
  readonly writeHead: (name: string) => string;
  /** What an argument's head says of its value, where the syntax has it. */
  readonly writeKind?: (isText: boolean) => string;
  /** What follows `callOpen`; its first group is the name. */
  readonly callHead: RegExp;
  readonly callClose: string;
  readonly argumentOpen: string;
  /** What follows `argumentOpen`: name, and where the syntax has it, `true` for text and `false` for JSON. */
  readonly argumentHead: RegExp;
  readonly argumentClose: string;
  /** What ends a value whose own closing tag was forgotten: the next tag, read again. */
  readonly argumentCloseForgotten: readonly string[];
  /** Values stand on lines of their own. */
  readonly valuesOnLines: boolean;
}

/** Longest tag; more is no tag. */
const MAX_HEAD_CHARACTERS = 512;

/**
 * Read calls after the mark `open`: of a block, or of a call whose block was forgotten, which counts if
 * its tool was offered. False, with all unread, if no call begins.
 */
export function* readTaggedCalls(
  syntax: TaggedSyntax,
  open: string,
  calls: CallWriter,
): Reading<boolean> {
  let name =
    open === syntax.callOpen
      ? yield* readOfferedName(syntax, calls)
      : yield* readCallOpening(syntax, calls);
  const any = name !== undefined;
  while (name !== undefined) {
    const inBlock = yield* readCall(syntax, name, calls);
    name = inBlock ? yield* readCallOpening(syntax, calls, syntax.close) : undefined;
  }
  return any;
}

/** Name of the next call, or undefined after `close`, or with all unread where no call begins. */
function* readCallOpening(
  { callOpen, callHead }: TaggedSyntax,
  calls: CallWriter,
  close?: string,
): Reading<string | undefined> {
  let seen = '';
  const marks = close === undefined ? [callOpen] : [callOpen, close];
  for (;;) {
    const piece = yield marks;
    if (piece.kind === 'mark' && piece.text === close) {
      calls.mark();
      return undefined;
    }
    seen += piece.text;
    if (piece.kind === 'text' && piece.text.trim() === '') continue;
    const head = piece.kind === 'mark' ? yield* readHead(callHead) : undefined;
    if (head?.match) return head.match[1];
    calls.unread(seen + (head?.seen ?? ''));
    return undefined;
  }
}

function* readOfferedName(
  { callHead }: TaggedSyntax,
  calls: CallWriter,
): Reading<string | undefined> {
  const { seen, match } = yield* readHead(callHead);
  const name = match?.[1];
  if (name !== undefined && calls.offers(name)) return name;
  calls.unread(seen);
  return undefined;
}

/** A tag to its `>`; without a match where it is none. */
function* readHead(
  pattern: RegExp,
): Reading<{ readonly seen: string; readonly match?: RegExpExecArray | null }> {
  let seen = '';
  for (;;) {
    const piece = yield ['>'];
    if (piece.kind === 'mark') return { seen: `${seen}>`, match: pattern.exec(seen) };
    seen += piece.text;
    if (piece.kind === 'end' || seen.includes('\n') || seen.length > MAX_HEAD_CHARACTERS)
      return { seen };
  }
}

/** Read a call after its opening tag. False if the block or the reply ended with it. */
function* readCall(syntax: TaggedSyntax, name: string, calls: CallWriter): Reading<boolean> {
  const { argumentOpen, callClose, close } = syntax;
  calls.begin(name);
  calls.arguments('{');
  for (let separator = ''; ;) {
    const piece = yield [argumentOpen, callClose, close];
    if (piece.kind === 'text') calls.between(piece.text);
    else if (piece.kind === 'end') {
      calls.end(false);
      return false;
    } else if (piece.text === argumentOpen) {
      if (yield* readArgument(syntax, separator, calls)) separator = ', ';
    } else {
      calls.mark();
      calls.arguments('}');
      calls.end(true);
      return piece.text === callClose;
    }
  }
}

/** Read an argument after the beginning of its tag. False, with that as text, if it is none. */
function* readArgument(
  syntax: TaggedSyntax,
  separator: string,
  calls: CallWriter,
): Reading<boolean> {
  const { seen, match } = yield* readHead(syntax.argumentHead);
  if (!match) {
    calls.between(syntax.argumentOpen);
    calls.unread(seen);
    return false;
  }
  const [, name = '', isText] = match;
  calls.mark();
  calls.arguments(`${separator}${JSON.stringify(name)}: `);
  const textual = isText === undefined ? calls.takesText(name) : isText === 'true';
  yield* textual ? readText(syntax, calls) : readJson(syntax, calls);
  return true;
}

/** A text value becomes a JSON string as it comes. */
function* readText(syntax: TaggedSyntax, calls: CallWriter): Reading<void> {
  calls.arguments('"');
  let text = '';
  let atStart = syntax.valuesOnLines;
  for (;;) {
    const piece = yield [syntax.argumentClose, ...syntax.argumentCloseForgotten];
    if (piece.kind !== 'text') {
      calls.arguments(piece.kind === 'mark' ? '"' : JSON.stringify(text).slice(1, -1));
      return closeArgument(piece.text, syntax, calls);
    }
    text += atStart ? piece.text.replace(/^\n/, '') : piece.text;
    atStart = false;
    const held = syntax.valuesOnLines && text.endsWith('\n') ? 1 : 0;
    calls.arguments(JSON.stringify(text.slice(0, text.length - held)).slice(1, -1));
    text = text.slice(text.length - held);
  }
}

/** Any other value is passed on when it is whole: as it is if it is JSON, and as text if not. */
function* readJson(syntax: TaggedSyntax, calls: CallWriter): Reading<void> {
  let text = '';
  for (;;) {
    const piece = yield [syntax.argumentClose, ...syntax.argumentCloseForgotten];
    if (piece.kind === 'text') text += piece.text;
    else {
      calls.arguments(piece.kind === 'mark' ? asJson(text, syntax) : text);
      return closeArgument(piece.text, syntax, calls);
    }
  }
}

function closeArgument(mark: string, { argumentClose }: TaggedSyntax, calls: CallWriter): void {
  if (mark !== argumentClose) calls.unread(mark);
}

/** Templates write these values as Python shows them. */
const PYTHON_VALUES: Readonly<Record<string, string>> = {
  True: 'true',
  False: 'false',
  None: 'null',
};

function asJson(text: string, { valuesOnLines }: TaggedSyntax): string {
  const value = text.trim();
  if (Object.hasOwn(PYTHON_VALUES, value)) return PYTHON_VALUES[value]!;
  try {
    JSON.parse(value);
    return value;
  } catch {
    return JSON.stringify(valuesOnLines ? text.replace(/^\n|\n$/g, '') : text);
  }
}
