import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPS } from '../ir/index.ts';
import {
  loadAccelerator,
  loadAccelerators,
  loadDefects,
  loadProcurement,
  loadRoadmaps,
  loadShipments,
  loadSoftwareStacks,
  loadUnitFormats,
} from './catalogue.node.ts';
import { parseShipments } from './market.ts';
import { chipClassIn, formatSupport } from './software.ts';
import { sourceProblems } from './sourced.ts';

const ids = new Set(loadAccelerators().map(({ id }) => id));
const known = (chips: readonly string[]) => chips.filter((id) => !ids.has(id));

test('every file of the catalogue follows its schema, and names chips and operators that there are', () => {
  const stacks = loadSoftwareStacks();
  assert.deepEqual(known(stacks.flatMap(({ chips }) => Object.values(chips).flat())), []);
  const operators = stacks.flatMap((stack) => stack.operators.flatMap((row) => row.operators));
  assert.deepEqual(
    operators.filter((op) => !Object.hasOwn(OPS, op)),
    [],
  );
  assert.deepEqual(known(loadUnitFormats().rows.flatMap(({ chips }) => chips)), []);
  const defects = loadDefects();
  assert.deepEqual(known(defects.flatMap(({ chips }) => chips)), []);
  const named = new Set(stacks.map(({ id }) => id));
  assert.deepEqual(
    defects.filter(({ stack }) => !named.has(stack)),
    [],
  );
  assert.deepEqual(
    known(loadProcurement().flatMap(({ rows }) => rows.flatMap((r) => r.chips))),
    [],
  );
  const products = loadRoadmaps().flatMap((map) => map.products);
  assert.deepEqual(known(products.flatMap(({ chip }) => chip ?? [])), []);
  assert.ok(loadShipments().length > 0);
});

test('a number without a source is found, and so are sources that are not there or not used', () => {
  const [shipments] = loadShipments();
  assert.deepEqual(sourceProblems(shipments), []);
  const { source: _, ...bare } = shipments!.rows[0]!;
  assert.deepEqual(sourceProblems({ rows: [bare], sources: {} }), [
    'rows.0.year: 2025 has no source',
    'rows.0.units: 4000000 has no source',
  ]);
  const wrong = { ...shipments!, rows: [{ ...shipments!.rows[0]!, source: 'nobody' }] };
  assert.throws(() => parseShipments(wrong, 'x.json'), /rows\.0: there is no source nobody/);
  assert.match(sourceProblems(wrong).join(), /sources\.idc: nothing names it/);
});

test('formats of units: 910B and C500 have no FP8, FP4 or E8M0, H20 no FP4 or E8M0, 950 all three', () => {
  const formats = loadUnitFormats();
  const of = (id: string) =>
    (['fp8', 'mxfp4', 'e8m0'] as const).map(
      (format) => formatSupport(loadAccelerator(id), format, formats).status,
    );
  const none = ['missing', 'missing', 'missing'];
  for (const id of [
    'huawei-ascend-910b2',
    'huawei-ascend-910c',
    'huawei-ascend-310p3',
    'metax-c500',
  ])
    assert.deepEqual(of(id), none, id);
  assert.deepEqual(of('nvidia-h20'), ['native', 'missing', 'missing']);
  assert.deepEqual(of('huawei-ascend-950pr'), ['native', 'native', 'native']);
  assert.deepEqual(of('cambricon-mlu590'), ['unknown', 'unknown', 'unknown']);
});

test('a chip belongs to one class of a stack, or to none', () => {
  const stack = loadSoftwareStacks().find(({ id }) => id === 'vllm-ascend')!;
  assert.equal(chipClassIn(stack, 'huawei-ascend-310p3'), 'ascend-310p');
  assert.equal(chipClassIn(stack, 'nvidia-h20'), undefined);
});
