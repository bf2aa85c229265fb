import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentMap } from './recentMap.ts';

test('what was not asked for longest makes room', () => {
  const map = new RecentMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  assert.equal(map.get('a'), 1);
  map.set('c', 3);
  assert.deepEqual([map.get('a'), map.get('b'), map.get('c'), map.size], [1, undefined, 3, 2]);
  map.set('a', 4);
  assert.deepEqual([map.get('a'), map.get('c'), map.size], [4, 3, 2]);
});
