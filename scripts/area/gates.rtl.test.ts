import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLibrary, synthesise } from '../../src/cost/synthesis/index.ts';
import { requireEqual } from './measure.ts';
import { operatorUnits } from './operators.ts';
import { testLibrary } from './testLibrary.ts';
import { leafUnits } from './units.ts';

const libraries = new Map([['test', readLibrary([testLibrary()])]]);
const VECTORS = 100_000;

const operators = operatorUnits().map(({ module }) => ({ name: module.name, module, below: {} }));

for (const { name, module, below } of [...leafUnits(), ...operators]) {
  test(`${name}: its gates give what its RTL gives on ${VECTORS} random inputs`, async () => {
    const results = await synthesise(module, libraries);
    requireEqual(module, results.get('test')!, libraries.get('test')!, VECTORS, below);
  });
}

test('a netlist with one wrong gate is found', async () => {
  const { module } = operatorUnits().find(({ operator }) => operator === 'add')!;
  const library = libraries.get('test')!;
  const { netlist, delayPs } = (await synthesise(module, libraries)).get('test')!;
  const nands = Object.entries(netlist.cells).filter(([, { type }]) => type === 'NAND2');
  const [name, cell] = nands[nands.length >> 1]!;
  const mutant = { ...netlist, cells: { ...netlist.cells, [name]: { ...cell, type: 'NOR2' } } };
  const check = (): void => requireEqual(module, { netlist: mutant, delayPs }, library, VECTORS);
  assert.throws(check, /must do what its RTL does/);
});
