/** Every unit is in one piece, whatever the numbers; runs of threads are walked from start to end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../base/index.ts';
import { alike, streams, type Piece } from './pieces.ts';

test('pieces cover all units once, in whole grains', () => {
  const random = new Random(1);
  const upTo = (most: number): number => 1 + Math.floor(random.float() * most);
  for (let i = 0; i < 500; i++) {
    const [units, threads, grain] = [upTo(400), upTo(9), upTo(32)];
    const grains = { grain, least: grain * upTo(4) };
    requireCovers(units, grain, alike(units, grains));
    requireCovers(units, grain, streams(units, threads, grains));
  }
});

function requireCovers(units: number, grain: number, pieces: readonly Piece[]): void {
  const ascending = pieces.toSorted(([a], [b]) => a - b);
  let end = 0;
  for (const [start, count] of ascending) {
    assert.equal(start, end);
    assert.equal(start % grain, 0);
    assert.ok(count > 0);
    end += count;
  }
  assert.equal(end, units);
}

test('work for few threads is left to few', () => {
  assert.deepEqual(streams(1000, 16, { grain: 8, least: 504 }), [
    [0, 504],
    [504, 496],
  ]);
});

test('a stream is halved down to the least piece, and threads take turns', () => {
  const pieces = streams(128, 2, { grain: 2, least: 8 });
  const expected = [
    ...[
      [0, 32],
      [64, 32],
      [32, 16],
      [96, 16],
    ],
    ...[
      [48, 8],
      [112, 8],
      [56, 8],
      [120, 8],
    ],
  ];
  assert.deepEqual(pieces, expected);
});
