// A tokenizer for our own TypeScript: enough to tell code from comments, strings, templates and
// regular expressions, and so to count lines of code and to read imports without a parser.
//
// Two things need memory. A template is text with code between `${` and `}`, so a stack remembers
// what each open brace belongs to. A slash begins a regular expression where a value may begin, that
// is after an operator or a keyword, and divides otherwise. (After `)` and `}` we always take it to
// divide, which is wrong for `if (x) /re/.test(y)`; oxfmt'ed code of ours has no such line.)

/** A piece of source other than white space and comments; `line` counts from 1. */
export interface Token {
  readonly kind: 'word' | 'string' | 'template' | 'regex' | 'sign';
  readonly text: string;
  readonly line: number;
}

const PIECE =
  /(?<blank>\s+|\/\/[^\n]*|\/\*[^]*?\*\/)|(?<string>'(?:\\[^]|[^'\\\n])*'|"(?:\\[^]|[^"\\\n])*")|(?<word>[\w$#@]+)|(?<sign>[^])/y;
const TEMPLATE_TEXT = /(?:\\[^]|\$(?!\{)|[^\\`$])*(?:`|\$\{|$)/y;
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/\w*/y;
const VALUE_MAY_FOLLOW =
  /^(?:[^\w$#@)\]}'"`]|return|typeof|case|in|of|void|delete|await|yield|throw|else|do)$/;

/** Splits source into tokens; a template gives one token for each stretch of text between its code. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  const braces: ('block' | 'template')[] = [];
  let offset = 0;
  let line = 1;

  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = offset;
    return pattern.exec(source);
  };
  const advance = (text: string, kind?: Token['kind']): void => {
    if (kind) tokens.push({ kind, text, line });
    offset += text.length;
    line += text.split('\n').length - 1;
  };
  const template = (opening: string): void => {
    offset += 1;
    const text = take(TEMPLATE_TEXT)![0];
    offset -= 1;
    advance(opening + text, 'template');
    if (text.endsWith('${')) braces.push('template');
  };
  const sign = (text: string): void => {
    const before = tokens.at(-1);
    const regex = text === '/' && (!before || isOpen(before)) ? take(REGEX) : null;
    if (regex) return advance(regex[0], 'regex');
    if (text === '`') return template(text);
    if (text === '{') braces.push('block');
    if (text === '}' && braces.pop() === 'template') return template(text);
    return advance(text, 'sign');
  };

  while (offset < source.length) {
    const { blank, string, word, sign: other } = take(PIECE)!.groups!;
    if (blank) advance(blank);
    else if (string) advance(string, 'string');
    else if (word) advance(word, 'word');
    else sign(other!);
  }
  return tokens;
}

/** The number of lines that hold code. */
export function countCodeLines(source: string): number {
  const lines = new Set<number>();
  for (const { line, text } of tokenize(source))
    for (let extra = text.split('\n').length - 1; extra >= 0; extra--) lines.add(line + extra);
  return lines.size;
}

function isOpen({ kind, text }: Token): boolean {
  return (kind === 'word' || kind === 'sign') && VALUE_MAY_FOLLOW.test(text);
}
