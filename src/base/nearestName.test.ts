import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName } from './nearestName.ts';

test('the nearest name forgives a typo or a part of the name, and nothing more', () => {
  const names = ['qwen3-tiny', 'deepseek-v3-tiny'];
  assert.equal(nearestName('qwen3tiny', names), 'qwen3-tiny');
  assert.equal(nearestName('deepseek', names), 'deepseek-v3-tiny');
  assert.equal(nearestName('llama', names), undefined);
});
