import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { syntheticDefinition } from '../../../test/explore/syntheticStudy.ts';
import { StudyStore } from './studyStore.node.ts';

function scratch(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-study-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

const evaluation = { metrics: { speed: 1, area: 2, price: null }, limitedBy: 'links' };

test('what is finished is found again, in the order asked for, in a file that stands alone', (t) => {
  const file = path.join(scratch(t), 'a.db');
  const store = StudyStore.open(file, syntheticDefinition());
  store.beginBatch(0, [
    [0, 0],
    [1, 2],
  ]);
  store.finish(0, [{ place: 1, point: [1, 2], evaluation }]);
  store.finish(0, [{ place: 0, point: [0, 0], evaluation: { misfit: 'none' } }]);
  assert.equal(store.summary, undefined);
  store.end({ evaluations: 2 });
  const { id } = store;
  store.close();
  assert.deepEqual(fs.readdirSync(path.dirname(file)), ['a.db']);

  const read = StudyStore.read(file);
  t.after(() => read.close());
  assert.deepEqual(
    [...read.points()],
    [
      { point: [0, 0], evaluation: { misfit: 'none' } },
      { point: [1, 2], evaluation },
    ],
  );
  assert.deepEqual(read.find([1, 2]), evaluation);
  assert.equal(read.find([2, 1]), undefined);
  assert.deepEqual(read.summary, { evaluations: 2 });
  assert.deepEqual([read.count, read.id], [2, id]);
});

test('no point is kept twice, and a delivery is kept whole or not at all', (t) => {
  const store = StudyStore.open(path.join(scratch(t), 'a.db'), syntheticDefinition());
  store.beginBatch(0, [[0, 0]]);
  store.finish(0, [{ place: 0, point: [0, 0], evaluation }]);
  const again = [
    { place: 1, point: [5, 5], evaluation },
    { place: 2, point: [0, 0], evaluation },
  ];
  assert.throws(() => store.finish(0, again), /UNIQUE constraint failed: point.key/);
  assert.equal(store.count, 1);
  store.close();
});

test('a study of another definition is refused with what differs', (t) => {
  const file = path.join(scratch(t), 'a.db');
  const definition = syntheticDefinition();
  StudyStore.open(file, definition).close();
  const inputs = { seed: 2, limits: { power: 9 } };
  assert.throws(() => StudyStore.open(file, { ...definition, inputs }), {
    name: 'UsageError',
    where: file,
    message:
      'a study must be continued as it was begun; stored → given:\n' +
      'inputs.limits.area: 400 → absent\ninputs.limits.power: absent → 9\ninputs.seed: 1 → 2',
  });
  // The order of names is nothing.
  const { celadon, axes, objectives } = definition;
  StudyStore.open(file, { inputs: definition.inputs, objectives, axes, celadon }).close();
});

test('a search that asks for other points than it did is refused', (t) => {
  const file = path.join(scratch(t), 'a.db');
  const store = StudyStore.open(file, syntheticDefinition());
  store.beginBatch(0, [[0, 0]]);
  store.beginBatch(0, [[0, 0]]);
  assert.throws(() => store.beginBatch(0, [[0, 1]]), {
    name: 'FormatError',
    message: /batch 0 must have the points that the study has noted/,
  });
  store.close();
});

test('files that are no studies are refused by name, and stay as they are', (t) => {
  const folder = scratch(t);
  const refuse = (name: string, content: Uint8Array | string, message: RegExp): void => {
    const file = path.join(folder, name);
    fs.writeFileSync(file, content);
    const before = fs.readFileSync(file);
    for (const open of [
      () => StudyStore.open(file, syntheticDefinition()),
      () => StudyStore.read(file),
    ])
      assert.throws(open, { name: 'FormatError', where: file, message }, name);
    assert.deepEqual(fs.readFileSync(file), before, name);
  };
  refuse('text', 'not a database, but some text of more than a page'.repeat(100), /this is none/);

  const foreign = path.join(folder, 'foreign');
  const database = new DatabaseSync(foreign);
  database.exec('CREATE TABLE bookmarks (url TEXT)');
  database.close();
  refuse('foreign', fs.readFileSync(foreign), /another program’s/);

  const sound = path.join(folder, 'sound');
  const store = StudyStore.open(sound, syntheticDefinition());
  const points = Array.from({ length: 500 }, (_, place) => ({ place, point: [place], evaluation }));
  store.beginBatch(
    0,
    points.map(({ point }) => point),
  );
  store.finish(0, points);
  store.close();
  const bytes = fs.readFileSync(sound);
  refuse('truncated', bytes.subarray(0, bytes.length / 2), /sound/);
  const damaged = Uint8Array.from(bytes);
  damaged.fill(0xa5, 4096 * 3, 4096 * 5);
  refuse('damaged', damaged, /sound/);
  const newer = Uint8Array.from(bytes);
  newer[63] = 99; // user_version
  refuse('newer', newer, /of schema 1, not 99/);

  assert.throws(() => StudyStore.read(path.join(folder, 'absent')), { name: 'UsageError' });
  assert.throws(() => StudyStore.open(path.join(folder, 'no/such'), syntheticDefinition()), {
    name: 'UsageError',
    message: /in a folder that exists/,
  });
});

test('one process at a time', (t) => {
  const file = path.join(scratch(t), 'a.db');
  const store = StudyStore.open(file, syntheticDefinition());
  for (const open of [
    () => StudyStore.open(file, syntheticDefinition()),
    () => StudyStore.read(file),
  ])
    assert.throws(open, { name: 'UsageError', message: /one process at a time/ });
  store.close();
  StudyStore.read(file).close();
});
