import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../base/index.ts';
import { hypervolume } from './hypervolume.ts';

test('hypervolumes known by hand', () => {
  assert.equal(hypervolume([], [0, 0]), 0);
  assert.equal(hypervolume([[3]], [1]), 2);
  assert.equal(hypervolume([[2, 3]], [0, 0]), 6);
  assert.equal(hypervolume([[2, 3]], [1, 1]), 2);
  assert.equal(
    hypervolume(
      [
        [1, 3],
        [2, 2],
        [3, 1],
      ],
      [0, 0],
    ),
    6,
  );
  assert.equal(
    hypervolume(
      [
        [1, 3],
        [1, 3],
        [1, 1],
      ],
      [0, 0],
    ),
    3,
    'doubles and dominated ones',
  );
  assert.equal(
    hypervolume(
      [
        [5, 0],
        [-1, 9],
      ],
      [0, 0],
    ),
    0,
    'not above the reference',
  );
  assert.equal(
    hypervolume(
      [
        [1, 1, 2],
        [2, 1, 1],
        [1, 2, 1],
      ],
      [0, 0, 0],
    ),
    4,
  );
});

test('hypervolume equals the count of unit cubes below any of the points, for one to five objectives', () => {
  const random = new Random(4);
  for (let round = 0; round < 150; round++) {
    const dimensions = 1 + (round % 5);
    const side = [0, 12, 9, 6, 5, 4][dimensions]!;
    const points = Array.from({ length: 1 + random.int(14) }, () =>
      Array.from({ length: dimensions }, () => random.int(side + 1)),
    );
    let cubes = 0;
    for (let index = 0; index < side ** dimensions; index++) {
      const cube = Array.from(
        { length: dimensions },
        (_, i) => Math.floor(index / side ** i) % side,
      );
      if (points.some((point) => point.every((value, i) => value > cube[i]!))) cubes++;
    }
    const reference = new Array<number>(dimensions).fill(0);
    assert.equal(hypervolume(points, reference), cubes, JSON.stringify(points));
  }
});

test('hypervolume of 100 points of five objectives is what random points hit', () => {
  const random = new Random(5);
  const points = Array.from({ length: 100 }, () => Array.from({ length: 5 }, () => random.float()));
  const draws = 40_000;
  let hits = 0;
  for (let draw = 0; draw < draws; draw++) {
    const at = Array.from({ length: 5 }, () => random.float());
    if (points.some((point) => point.every((value, i) => value > at[i]!))) hits++;
  }
  const exact = hypervolume(points, [0, 0, 0, 0, 0]);
  assert.ok(Math.abs(exact - hits / draws) < 0.01, `${exact} and ${hits / draws}`);
});
