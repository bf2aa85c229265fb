import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Explored } from '../chipStudy/explore.node.ts';
import { pairReport } from './pairs.ts';

/** What of a study matters here: a front by two metrics, of which the second is wanted small. */
function exploredAs(points: readonly (readonly [rate: number, watts: number])[]): Explored {
  const objectives = [
    { metric: 'tokensPerSecond', want: 'most' },
    { metric: 'powerWatts', want: 'least' },
  ];
  const front = points.map(([tokensPerSecond, powerWatts], i) => ({
    point: [i],
    evaluation: { metrics: { tokensPerSecond, powerWatts } },
  }));
  return { definition: { objectives }, front } as unknown as Explored;
}

test('pairs of all variants compete, and each best stands beside that of today', () => {
  const { front, best } = pairReport([
    {
      variant: 'as published',
      explored: exploredAs([
        [10, 5],
        [4, 2],
      ]),
    },
    {
      variant: 'experts=128',
      explored: exploredAs([
        [12, 5],
        [4, 3],
      ]),
    },
  ]);
  assert.deepEqual(
    front.map(({ variant, objectives }) => [variant, ...objectives]),
    [
      ['experts=128', 12, -5],
      ['as published', 4, -2],
    ],
  );
  assert.deepEqual(
    best.map(({ metric, pair, today }) => [metric, pair.variant, today?.objectives]),
    [
      ['tokensPerSecond', 'experts=128', [10, -5]],
      ['powerWatts', 'as published', [4, -2]],
    ],
  );
});

test('where nothing serves the model as published, today has no pair', () => {
  const { best } = pairReport([
    { variant: 'as published', explored: exploredAs([]) },
    { variant: 'width=64', explored: exploredAs([[1, 1]]) },
  ]);
  assert.equal(best[0]!.today, undefined);
});
