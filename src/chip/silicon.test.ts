import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChipError, UsageError } from '../base/index.ts';
import { loadAllSilicon, loadSilicon } from './silicon.node.ts';
import { parseSilicon, siliconNodeSchema } from './silicon.ts';

const all = loadAllSilicon();

test('five nodes ship, the coarsest first, and say whether a factory is behind them', () => {
  const kinds = all.map(({ node }) => [node.id, node.nanometres, node.kind]);
  assert.deepEqual(kinds, [
    ['ihp130', 130, 'real'],
    ['sky130', 130, 'real'],
    ['nangate45', 45, 'predictive'],
    ['asap7', 7, 'predictive'],
    ['gt2n', 2, 'predictive'],
  ]);
});

test('all nodes have the same units and operators, so a bill has a price on each', () => {
  for (const { node } of all) {
    assert.deepEqual(Object.keys(node.units), Object.keys(all[0]!.node.units), node.id);
    assert.deepEqual(Object.keys(node.operatorUm2), Object.keys(all[0]!.node.operatorUm2), node.id);
  }
});

test('each table says what it was made from, and netlists were compared with their RTL', () => {
  for (const { node, sram } of all) {
    assert.equal(node.stage, 'pre-layout');
    assert.ok(node.library.licence.length > 0 && node.library.files.length > 0);
    assert.match(node.made.tool, /Yosys \d/);
    assert.match(node.made.synth, /-booth/);
    assert.ok(node.made.verifiedVectors >= 100_000);
    assert.equal(sram.kind === 'estimated', sram.rule !== null, `${node.id}: a rule if estimated`);
  }
  assert.match(loadSilicon('gt2n').node.library.citation!, /^D\. Jang.*ISCAS\) 2026$/);
});

test('flops are a part of a unit, and every unit has an energy', () => {
  for (const { node } of all) {
    for (const [name, unit] of Object.entries(node.units)) {
      assert.ok(unit.flopAreaUm2 < unit.areaUm2, `${node.id} ${name}`);
      const flops = unit.flops * node.flop.areaUm2;
      assert.ok(Math.abs(unit.flopAreaUm2 - flops) <= 1e-3 * flops, `${node.id} ${name}`);
      assert.ok(
        Object.values(unit.cycleFj).every((fj) => fj > unit.flops * node.flop.clockFj * 0.99),
      );
    }
  }
});

test('a node that is not there is refused, and a near name is proposed', () => {
  assert.throws(
    () => loadSilicon('asap6'),
    (error) => error instanceof UsageError && error.hint === 'did you mean asap7?',
  );
});

test('a file that does not follow the schema is refused with every problem', () => {
  const { node } = all[0]!;
  const wrong = { ...node, kind: 'imagined', stage: 'layout' };
  assert.throws(
    () => parseSilicon(siliconNodeSchema, wrong, 'x.json'),
    (error) =>
      error instanceof ChipError &&
      /kind: .*; stage: /.test(error.message) &&
      error.where === 'x.json',
  );
});
