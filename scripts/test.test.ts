import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasProgram, selectPortions, selectTests } from './test.ts';

const paths = [
  'scripts/size.test.ts',
  'src/model/qwen3.models.test.ts',
  'src/model/qwen3.test.ts',
  'test/models/perplexity.test.ts',
  'test/rtl/core.test.ts',
  'test/tiny.test.ts',
];

test('the default group is every test that needs nothing', () => {
  assert.deepEqual(selectTests(paths), [
    'scripts/size.test.ts',
    'src/model/qwen3.test.ts',
    'test/tiny.test.ts',
  ]);
});

test('a test belongs to a group by its folder or by its name', () => {
  assert.deepEqual(selectTests(paths, 'models'), [
    'src/model/qwen3.models.test.ts',
    'test/models/perplexity.test.ts',
  ]);
  assert.deepEqual(selectTests(paths, 'rtl'), ['test/rtl/core.test.ts']);
  assert.deepEqual(selectTests(paths, 'gpu'), []);
});

test('what a file leaves to the group thorough, that group runs', () => {
  const leaving = selectPortions(['test/stored.test.ts', 'test/ir.test.ts', 'test/x.rtl.test.ts']);
  assert.deepEqual(leaving, ['test/stored.test.ts']);
});

test('a group is available if one of its programs is installed, or it has none', () => {
  assert.equal(hasProgram('default'), true);
  assert.equal(hasProgram('rtl', ['no-such-program', process.execPath]), true);
  assert.equal(hasProgram('rtl', ['no-such-program']), false);
});
