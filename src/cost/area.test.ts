import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnsupportedError } from '../base/index.ts';
import { loadAllSilicon, loadSilicon, type Silicon, type SiliconUnit } from '../chip/index.ts';
import { defineModule, inventory } from '../hdl/index.ts';
import { areaOf } from './area.ts';
import { billOfInventory, type BillPart, type SiliconBill } from './bill.ts';
import { energyOfRun } from './energy.ts';
import { operatorSize } from './operatorSize.ts';
import { interpolateNodes } from './scaling.ts';

const unit = (areaUm2: number, delayPs: number, cycleFj: Record<string, number>): SiliconUnit => ({
  what: 'a test',
  areaUm2,
  flopAreaUm2: areaUm2 / 4,
  gates: 1,
  flops: 1,
  delayPs,
  leakageNw: 0,
  cycleFj,
  operationsPerCycle: 1,
  operation: 'test',
});

/** The node of round numbers. */
function testSilicon(): Silicon {
  const real = loadSilicon('nangate45');
  const flop = { ...real.node.flop, areaUm2: 5, clockFj: 2, overheadPs: 100 };
  const units = {
    fast: unit(100, 300, { prefill: 1000, decode: 2000 }),
    slow: unit(400, 900, { vector: 500 }),
  };
  const factor = (value: number) => ({ value, reason: 'a test', confidence: 'none' });
  return {
    node: { ...real.node, flop, units, operatorUm2: { add: 2, mux: 1 } },
    sram: { ...real.sram, ports: 1, areaUm2PerBit: 0.5 },
    twoPortFactor: 2,
    factors: {
      about: '',
      utilisation: factor(0.5),
      scan: factor(1.2),
      clockAndRepair: factor(1.1),
      memoryPlacement: factor(1.25),
      published: { least: 1, most: 2, reason: 'a test', confidence: 'none' },
    },
  };
}

const nothing: BillPart = { part: 'x', units: [], registerBits: 0, operators: [], memories: [] };

function bill(...parts: readonly Partial<BillPart>[]): SiliconBill {
  const filled = parts.map((part) => ({ ...nothing, ...part }));
  return { chip: 'c', clockHz: 1e9, macsPerCycle: 64, parts: filled, notCounted: [] };
}

const near = (a: number, b: number): void =>
  assert.ok(Math.abs(a / b - 1) < 1e-12, `${a}, not ${b}`);

test('a bill costs its units, registers, operators and memories, and the factors on top', () => {
  const matrix = {
    part: 'matrix',
    units: [{ unit: 'fast', count: 2 }],
    registerBits: 10,
    operators: [{ operator: 'add', widths: [8], count: 3 } as const],
  };
  const memory = {
    part: 'memory',
    memories: [{ words: 100, width: 80, ports: 2 as const, byteEnables: true, count: 4 }],
  };
  const report = areaOf(bill(matrix, memory), testSilicon());
  near(report.cellMm2, (2 * 100 + 10 * 5 + 3 * 8 * 2) / 1e6);
  near(report.flopMm2, (2 * 25 + 50) / 1e6);
  near(report.memoryMm2, (32000 * 0.5 * 2) / 1e6);
  const scan = 100 * 0.2;
  near(report.placedMm2, (((298 + scan) * 1.1) / 0.5 + 32000 * 1.25) / 1e6);
  near(report.placedUm2PerMac, (report.placedMm2 * 1e6) / 64);
  // Operators cost what the logic of both units does for its area: no unit of the test has another.
  const logic = (2000 - 2 + 500 - 2) / (75 + 300);
  near(report.matrixPjPerMac, (2 * 2000 + 10 * 2 + 48 * logic) / 1000 / 64);
  assert.equal(report.memoryBits, 32000);
  assert.equal(report.stage, 'pre-layout');
});

test('a memory that is too small for a macro is made of flops and choices', () => {
  const small = { words: 8, width: 100, ports: 2 as const, byteEnables: false, count: 2 };
  const macro = { ...small, words: 64, width: 64 };
  const report = areaOf(bill({ memories: [small] }, { memories: [macro] }), testSilicon());
  const [flops, memory] = report.parts;
  // Each bit is read by a choice among 8 words, and written by one between the old and the new.
  near(flops!.cellMm2, (1600 * 5 + 2 * 7 * 100 * 1 + 1600 * 1) / 1e6);
  assert.equal(flops!.memoryMm2, 0);
  near(memory!.memoryMm2, (2 * 4096 * 0.5 * 2) / 1e6);
  assert.equal(memory!.cellMm2, 0);
});

test('the slowest unit and the flop bound the clock', () => {
  const report = areaOf(
    bill({ units: [{ unit: 'fast', count: 9 }] }, { units: [{ unit: 'slow', count: 1 }] }),
    testSilicon(),
  );
  assert.equal(report.slowestUnit, 'slow');
  near(report.fmaxHz, 1e12 / 1000);
});

test('a unit with another number of stages costs as the nearest in the table, and says so', () => {
  const silicon = testSilicon();
  const units = { add_2: unit(10, 1, {}), add_6: unit(20, 1, {}), sub_5: unit(30, 1, {}) };
  const staged = { ...silicon, node: { ...silicon.node, units } };
  const [part] = areaOf(bill({ units: [{ unit: 'add_5', count: 1 }] }), staged).parts;
  assert.equal(part!.units[0]!.pricedAs, 'add_6');
  near(part!.cellMm2, 20 / 1e6);
  const columns = { column_3_2: unit(10, 1, {}), column_5_4: unit(20, 1, {}) };
  const two = { ...silicon, node: { ...silicon.node, units: columns } };
  const [other] = areaOf(bill({ units: [{ unit: 'column_4_4', count: 1 }] }), two).parts;
  assert.equal(other!.units[0]!.pricedAs, 'column_5_4');
});

test('a unit that is not in the table is refused by name, with what to do', () => {
  const unknown = bill({ units: [{ unit: 'magic', count: 1 }] });
  assert.throws(
    () => areaOf(unknown, testSilicon()),
    (error) => {
      assert.ok(error instanceof UnsupportedError);
      assert.equal(error.message, 'the table of nangate45 must have the unit magic, but does not');
      assert.match(error.hint!, /npm run area-table/);
      return true;
    },
  );
});

test('a bill is read from the inventory of a module: known units as they are, the rest in parts', () => {
  const inner = defineModule({
    name: 'inner',
    inputs: { a: 8, b: 8 },
    outputs: { y: 16 },
    body: ({ a, b }, m) => ({ y: m.delay('y', a.mulU(b)) }),
  });
  const outer = defineModule({
    name: 'outer',
    inputs: { a: 8, b: 8 },
    outputs: { y: 16 },
    body({ a, b }, m) {
      const [first, second] = ['first', 'second'].map(
        (name) => m.instance(name, inner, { a, b }).y,
      );
      return { y: m.delay('sum', first!.add(second!)) };
    },
  });
  const asUnit = billOfInventory('part', inventory(outer), (name) => {
    return name === 'inner' ? 'inner_1' : undefined;
  });
  assert.deepEqual(asUnit, {
    part: 'part',
    units: [{ unit: 'inner_1', count: 2 }],
    registerBits: 16,
    operators: [{ operator: 'add', widths: [16], count: 1 }],
    memories: [],
  });
  const inParts = billOfInventory('part', inventory(outer), () => undefined);
  assert.equal(inParts.registerBits, 48);
  assert.deepEqual(inParts.units, []);
});

test('operators are measured by what their area grows with', () => {
  assert.equal(operatorSize({ operator: 'add', widths: [32] }), 32);
  assert.equal(operatorSize({ operator: 'mulS', widths: [8, 16] }), 128);
  assert.equal(operatorSize({ operator: 'mux', widths: [4, 32] }), 96);
  assert.equal(operatorSize({ operator: 'shl', widths: [32, 5] }), 160);
  assert.equal(operatorSize({ operator: 'shr', widths: [32, 20] }), 192); // one stage for all above
});

test('between two nodes a figure follows a power of the length', () => {
  const [coarse, fine] = [
    { nanometres: 40, value: 16 },
    { nanometres: 10, value: 1 },
  ];
  near(interpolateNodes(coarse, fine, 20), 4);
  near(interpolateNodes(coarse, fine, 40), 16);
});

test('finer nodes are smaller, faster and need less energy in every unit', () => {
  const nodes = loadAllSilicon().filter(({ node }) => node.kind === 'predictive');
  for (const name of Object.keys(nodes[0]!.node.units)) {
    const units = nodes.map(({ node }) => node.units[name]!);
    for (const key of ['areaUm2', 'flopAreaUm2', 'delayPs'] as const) {
      const values = units.map((unit) => unit[key]);
      assert.deepEqual(
        values,
        values.toSorted((a, b) => b - a),
        `${name}: ${key}`,
      );
    }
    const energies = units.map(({ cycleFj }) => Object.values(cycleFj)[0]!);
    assert.deepEqual(
      energies,
      energies.toSorted((a, b) => b - a),
      `${name}: energy`,
    );
  }
});

test('the energy of a run is that of busy parts, memory accesses and leakage', () => {
  const silicon = testSilicon();
  const units = { ...silicon.node.units, fast: { ...silicon.node.units['fast']!, leakageNw: 1e6 } };
  const leaky = {
    ...silicon,
    node: { ...silicon.node, units },
    sram: { ...silicon.sram, accessPjPerBit: 0.25 },
  };
  const report = areaOf(bill({ part: 'matrix', units: [{ unit: 'fast', count: 2 }] }), leaky);
  near(report.parts[0]!.leakageMw, 2);
  const activity = { cycles: 1000, busyCycles: { matrix: 10 }, memoryBytes: 100 };
  const energy = energyOfRun(report, leaky, activity);
  near(energy.logic, 10 * 2 * 2000e-15);
  near(energy.parts['matrix']!, energy.logic);
  assert.equal(energy.outsideMemory, null);
  near(energy.memory, 800 * 0.25e-12);
  near(energy.leakage, 2e-3 * 1e-6);
  near(energy.total, energy.logic + energy.memory + energy.leakage);
});
