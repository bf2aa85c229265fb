import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf } from './imports.ts';
import { countCodeLines, tokenize } from './tokens.ts';

const words = (source: string): string[] =>
  tokenize(source)
    .filter(({ kind }) => kind === 'word')
    .map(({ text }) => text);

test('words in comments, strings, templates and regular expressions are not code', () => {
  const source = [
    'a; // no',
    '/* no\n no */ b;',
    "'no \\' no'; \"no\";",
    '`no ${c} no ${`no ${d}`} no`; e;',
    'f = /no"[/"]no/g; g / h / i;',
    'return /no`/;',
  ].join('\n');
  assert.deepEqual(words(source), 'a b c d e f g h i return'.split(' '));
});

test('a brace inside the code of a template does not end it', () => {
  assert.deepEqual(words('`no ${f({ a: {} })} no` + b'), ['f', 'a', 'b']);
});

test('a token knows its line, also below a comment, a template and a string of several lines', () => {
  const source = "/*\n\n*/ a\n`\n${b}\n`\n'\\\n'; c";
  const lines = tokenize(source)
    .filter(({ kind }) => kind === 'word')
    .map(({ text, line }) => text + line);
  assert.deepEqual(lines, ['a3', 'b5', 'c8']);
});

test('a line counts if it holds code', () => {
  assert.equal(countCodeLines('\n// no\n/** no\n * no\n */\na; // yes\n\n`yes\n\nyes`;\n}\n'), 5);
});

test('every form of import is found, with its kind', () => {
  const forms = {
    "import './a.ts';": 'value',
    "import a from './a.ts';": 'value',
    "import * as a from './a.ts';": 'value',
    "import a, { b as c } from './a.ts';": 'value',
    "import {\n  type A,\n} from './a.ts';": 'value',
    "import type from './a.ts';": 'value',
    "import type { A } from './a.ts';": 'type',
    "import type A from './a.ts';": 'type',
    "export * from './a.ts';": 'value',
    "export * as a from './a.ts';": 'value',
    "export { a } from './a.ts';": 'value',
    "export type { A } from './a.ts';": 'type',
    "await import('./a.ts');": 'lazy',
  };
  for (const [source, kind] of Object.entries(forms))
    assert.deepEqual(
      importsOf(source).map((found) => [found.specifier, found.kind]),
      [['./a.ts', kind]],
      source,
    );
});

test('what only looks like an import is none', () => {
  for (const source of [
    "// import './a.ts';",
    "const text = `import './a.ts';`;",
    'const text = "import \'./a.ts\'";',
    "export const from = './a.ts';",
    "export function f(from = './a.ts') {}",
    "new URL('./a.ts', import.meta.url);",
    "module.import('./a.ts');",
    "export { a }; const from = './a.ts';",
  ])
    assert.deepEqual(importsOf(source), [], source);
});
