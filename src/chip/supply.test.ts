import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadExportRules, loadMemories, loadWafers } from './catalogue.node.ts';
import { rulesOn } from './exportRules.ts';
import { loadAllSilicon } from './silicon.node.ts';
import { isControlledMemory, parseMemories } from './supply.ts';

const MEMORIES = loadMemories();

test('stacks are controlled since December 2024, memories on a board are not', () => {
  const controlled = (id: string, day: string): boolean | undefined =>
    isControlledMemory(MEMORIES.get(id)!, rulesOn(loadExportRules(), day));
  assert.equal(controlled('HBM2E', '2024-12-30'), false);
  for (const id of ['HBM2E', 'HBM3', 'HBM3E']) assert.equal(controlled(id, '2024-12-31'), true, id);
  for (const id of ['LPDDR5X', 'GDDR6', 'GDDR7'])
    assert.equal(controlled(id, '2026-05-31'), false, id);
  assert.equal(controlled('DDR5', '2026-05-31'), undefined, 'its area is not known');
});

test('every node of silicon has wafers, and every memory a package', () => {
  const { nodes, packages } = loadWafers();
  const ids = loadAllSilicon().map(({ node }) => node.id);
  assert.deepEqual(Object.keys(nodes).toSorted(), ids.toSorted());
  for (const memory of MEMORIES.values()) assert.ok(packages[memory.package], memory.id);
});

test('a number needs a source that is there, and a range its order', () => {
  const memory = MEMORIES.get('GDDR7')!;
  const source = { what: 'x', url: null, day: null, retrieved: '2026-11-29', read: 'none' };
  const file = (change: object): object => ({
    about: 'x',
    retrieved: '2026-11-29',
    memories: [{ ...memory, picojoulesPerBit: null, dollarsPerGB: null, ...change }],
    sources: { [memory.source]: source },
  });
  assert.equal(parseMemories(file({}), 'x').get('GDDR7')?.bytesPerSecond, memory.bytesPerSecond);
  assert.throws(
    () => parseMemories(file({ source: 'hearsay' }), 'x'),
    /there is no source hearsay/,
  );
  const price = { ...memory.dollarsPerGB!, source: memory.source, low: 9, value: 8, high: 10 };
  assert.throws(() => parseMemories(file({ dollarsPerGB: price }), 'x'), /low ≤ value ≤ high/);
});
