import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CapacityError, Random } from '../base/index.ts';
import { planMemory, type BufferPlan, type PlannedBuffer, type Region } from './planMemory.ts';

const RING: Region = {
  name: 'ring',
  start: 4096,
  sizeBytes: 4096,
  bankBytes: 1024,
  policy: 'ring',
};
const ROTATE: Region = {
  name: 'rotate',
  start: 0,
  sizeBytes: 4096,
  bankBytes: 1024,
  policy: 'rotate',
};

function buffer(region: string, sizeBytes: number, first: number, last: number): PlannedBuffer {
  return { name: `b${first}`, region, sizeBytes, first, last };
}

function assertDisjoint(plan: BufferPlan): void {
  const placed = [...plan];
  for (const [a, at] of placed) {
    for (const [b, bt] of placed) {
      if (a === b || a.region !== b.region || a.last < b.first || b.last < a.first) continue;
      assert.ok(
        at + a.sizeBytes <= bt || bt + b.sizeBytes <= at,
        `${a.name} and ${b.name} overlap`,
      );
    }
  }
}

test('buffers that live at the same time never overlap, and all lie inside their region', () => {
  const random = new Random(1);
  for (let round = 0; round < 200; round++) {
    const buffers = Array.from({ length: 40 }, (_, i) =>
      buffer(random.int(2) === 0 ? 'ring' : 'rotate', 1 + random.int(700), i, i + random.int(4)),
    );
    let plan: BufferPlan;
    try {
      plan = planMemory(buffers, [RING, ROTATE]);
    } catch (error) {
      assert.ok(error instanceof CapacityError);
      continue;
    }
    assert.equal(plan.size, buffers.length);
    assertDisjoint(plan);
    for (const [b, at] of plan) {
      const region = b.region === 'ring' ? RING : ROTATE;
      assert.ok(at >= region.start && at + b.sizeBytes <= region.start + region.sizeBytes);
      assert.equal(at % 64, 0);
    }
  }
});

test('a ring is filled in order of use and wraps', () => {
  const buffers = [0, 1, 2, 3, 4].map((i) => buffer('ring', 1024, i, i));
  const plan = planMemory(buffers, [RING]);
  assert.deepEqual(
    buffers.map((b) => plan.get(b)),
    [4096, 5120, 6144, 7168, 4096],
  );
});

test('a rotating region puts consecutive buffers into different banks and small ones inside one', () => {
  const buffers = [0, 1, 2].map((i) => buffer('rotate', 640, i, 9));
  const plan = planMemory(buffers, [ROTATE]);
  assert.deepEqual(
    buffers.map((b) => plan.get(b)),
    [0, 1024, 2048],
  );
});

test('buffers larger than a bank go round in a rotating region, and stay low in a packed one', () => {
  const buffers = [0, 1, 2].map((i) => buffer('rotate', 1280, i * 2, i * 2 + 1));
  const placesIn = (region: Region): (number | undefined)[] => {
    const plan = planMemory(buffers, [region]);
    return buffers.map((b) => plan.get(b));
  };
  assert.deepEqual(placesIn(ROTATE), [0, 2048, 0]);
  assert.deepEqual(placesIn({ ...ROTATE, policy: 'pack' }), [0, 0, 0]);
});

test('what does not fit is a CapacityError with the numbers', () => {
  assert.throws(
    () => planMemory([buffer('ring', 4096, 0, 2), buffer('ring', 64, 1, 1)], [RING]),
    (error: CapacityError) => {
      assert.ok(error instanceof CapacityError);
      assert.equal(
        error.message,
        'b1 needs 64 bytes of the ring (4096 bytes), of which 4096 hold values still in use',
      );
      return true;
    },
  );
});

test('a small buffer goes to the next bank that a large one leaves, from the start again behind the last', () => {
  const large = [buffer('rotate', 1280, 0, 9), buffer('rotate', 1280, 0, 4)];
  const small = [1, 2, 5].map((first) => buffer('rotate', 640, first, 9));
  const plan = planMemory([...large, ...small], [ROTATE]);
  assert.deepEqual(
    [...large, ...small].map((b) => plan.get(b)),
    [0, 2048, 1280, 3328, 2048],
  );
});
