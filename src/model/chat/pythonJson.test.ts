import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseForPython, toPythonJson } from './pythonJson.ts';

test('numbers of a text are written as Python writes them', () => {
  const cases = {
    '1.0': '1.0',
    '-0': '0',
    '-0.0': '-0.0',
    '1e5': '100000.0',
    '1e16': '1e+16',
    '9999999999999998.0': '9999999999999998.0',
    '0.0001': '0.0001',
    '0.00001': '1e-05',
    '1.5e-7': '1.5e-07',
    '1e100': '1e+100',
    '12345678901234567890': '12345678901234567890',
    '1E400': 'Infinity',
  };
  for (const [text, expected] of Object.entries(cases))
    assert.equal(toPythonJson(parseForPython(text)), expected);
});

test('values are written with spaces, and characters as they are', () => {
  assert.equal(
    toPythonJson({ a: [1, 2.5, null, true], 'é"\n': '床\u0001', none: undefined, e: {}, l: [] }),
    '{"a": [1, 2.5, null, true], "é\\"\\n": "床\\u0001", "e": {}, "l": []}',
  );
  assert.equal(toPythonJson(2 ** 70), '1180591620717411303424');
});
