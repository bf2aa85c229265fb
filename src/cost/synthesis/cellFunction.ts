/**
 * Boolean functions as Liberty writes them, as JavaScript on 32 bits at a time.
 *
 * From what binds tightest: `A'` and `!A`, `^`, then `&`, `*` or nothing between the operands, then `+`
 * or `|`; brackets; the constants 0 and 1.
 */
import { FormatError } from '../../base/index.ts';

/**
 * The JavaScript of a function; `pin` gives that of a pin, and results are valid in all 32 bits.
 * Throws on text that is no function.
 */
export function javascriptOf(text: string, pin: (name: string) => string): string {
  const tokens = text.match(/[A-Za-z_][\w[\]]*|[01]|[!'^&*+|()]/g) ?? [];
  let position = 0;
  const take = (...wanted: string[]): boolean => {
    const found = wanted.includes(tokens[position] ?? '');
    if (found) position += 1;
    return found;
  };

  function primary(): string {
    if (take('!')) return `~${primary()}`;
    let value: string;
    if (take('(')) {
      value = `(${anyOf()})`;
      if (!take(')')) fail();
    } else value = operand();
    while (take("'")) value = `~${value}`;
    return value;
  }
  function operand(): string {
    const token = tokens[position];
    position += 1;
    if (token === undefined || !/^\w/.test(token)) return fail();
    if (token === '0') return '0';
    return token === '1' ? '-1' : pin(token);
  }
  function oddOf(): string {
    let value = primary();
    while (take('^')) value = `(${value} ^ ${primary()})`;
    return value;
  }
  function allOf(): string {
    let value = oddOf();
    while (take('&', '*') || /^[\w!(]/.test(tokens[position] ?? ''))
      value = `(${value} & ${oddOf()})`;
    return value;
  }
  function anyOf(): string {
    let value = allOf();
    while (take('+', '|')) value = `(${value} | ${allOf()})`;
    return value;
  }
  function fail(): never {
    throw new FormatError(`a cell's function must be an expression of its pins, not ${text}`);
  }

  const value = anyOf();
  return position === tokens.length ? value : fail();
}

/** The pins that a function uses. */
export function pinsOf(text: string): Set<string> {
  const pins = new Set<string>();
  javascriptOf(text, (name) => {
    pins.add(name);
    return name;
  });
  return pins;
}
