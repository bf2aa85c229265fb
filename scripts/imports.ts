import { tokenize } from './tokens.ts';
import type { Token } from './tokens.ts';

/**
 * One import or re-export of a file. A `type` import is erased before the code runs, a `lazy` one
 * (`import('x')`) is resolved while it runs; only `value` imports make one file wait for another.
 */
export interface Import {
  readonly specifier: string;
  readonly kind: 'value' | 'type' | 'lazy';
  readonly line: number;
}

/** All imports of a source file, in order. */
export function importsOf(source: string): Import[] {
  const tokens = tokenize(source);
  return tokens.flatMap((token, index) => {
    const begins = token.kind === 'word' && /^(?:im|ex)port$/.test(token.text);
    return begins && tokens[index - 1]?.text !== '.' ? importAt(tokens, index) : [];
  });
}

function importAt(tokens: readonly Token[], start: number): Import[] {
  const [first, second, third] = tokens.slice(start, start + 3) as [Token, Token?, Token?];
  const found = (kind: Import['kind'], { text, line }: Token): Import[] => [
    { specifier: text.slice(1, -1), kind, line },
  ];
  if (first.text === 'import' && second?.kind === 'string') return found('value', second);
  if (second?.text === '(' && third?.kind === 'string') return found('lazy', third);
  const from = findFrom(tokens, start + 1);
  if (from === undefined) return [];
  // NOTE: `import type from 'x'` imports a value that is named `type`.
  const erased = second?.text === 'type' && from > start + 2 && third?.text !== ',';
  return found(erased ? 'type' : 'value', tokens[from + 1]!);
}

/** The index of `from` behind an import clause, which is made of names, commas, braces and a star. */
function findFrom(tokens: readonly Token[], start: number): number | undefined {
  for (let index = start; index < tokens.length - 1; index++) {
    const { kind, text } = tokens[index]!;
    if (text === 'from' && tokens[index + 1]!.kind === 'string') return index;
    if (kind !== 'word' && !'{},*'.includes(text)) return undefined;
  }
  return undefined;
}
