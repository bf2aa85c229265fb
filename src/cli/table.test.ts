import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBars, formatTable } from './table.ts';

test('numbers go to the right, words to the left, and wide characters count twice', () => {
  const rows = [
    ['name', 'count'],
    ['春夜', '7'],
    ['x', '1024'],
  ];
  assert.equal(formatTable(rows), 'name  count\n春夜      7\nx      1024');
});

test('a bar has the length of its share, and a share above zero is seen', () => {
  const bars = formatBars(
    [
      { name: 'load', share: 0.5 },
      { name: 'store', share: 0.0001 },
      { name: 'none', share: 0 },
      { name: 'both', share: 1.5 },
    ],
    ' ',
    4,
  );
  assert.deepEqual(bars.split('\n'), [
    ' load   50.0 %  ██',
    ' store   0.0 %  ▏',
    ' none    0.0 %',
    ' both  150.0 %  ████',
  ]);
});
