import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineModule } from '../../src/hdl/index.ts';
import { readLibrary, type NetlistJson } from '../../src/cost/synthesis/index.ts';
import { energyPerCycle, ones, setInputs } from './energy.ts';
import { Netlist } from './netlist.ts';
import { testLibrary } from './testLibrary.ts';
import { findDifference } from './verifyNetlist.ts';

const { cells, volts } = readLibrary([testLibrary()]);

/** q is a XOR of the input and q, in a flop: it counts the ones modulo 2. */
const PARITY: NetlistJson = {
  ports: {
    clock: { direction: 'input', bits: [2] },
    in_bit: { direction: 'input', bits: [3] },
    parity: { direction: 'output', bits: [5] },
  },
  cells: {
    gate: { type: 'XOR2', connections: { A: [3], B: [5], Y: [4] } },
    flop: { type: 'DFF', connections: { C: [2], D: [4], Q: [5] } },
  },
};

const parityModule = defineModule({
  name: 'parity',
  inputs: { inBit: 1 },
  outputs: { parity: 1 },
  body({ inBit }, m) {
    const parity = m.register('state', 1);
    parity.set(parity.xor(inBit));
    return { parity };
  },
});

test('32 copies of a netlist run side by side, each on its own inputs', () => {
  const netlist = new Netlist(PARITY, cells);
  for (let cycle = 0; cycle < 3; cycle++) {
    setInputs(netlist, (copy) => ({ in_bit: BigInt((copy >> cycle) & 1) }));
    netlist.settle();
    netlist.edge();
  }
  const expected = Array.from({ length: 32 }, (_, copy) => ones(copy & 7) & 1);
  const [word] = netlist.output('parity');
  assert.deepEqual(
    expected.map((_, copy) => (word! >>> copy) & 1),
    expected,
  );
});

test('a netlist that does what its module does has no difference, another one has', () => {
  assert.equal(
    findDifference(parityModule, new Netlist(PARITY, cells), { vectors: 2000, seed: 1 }),
    undefined,
  );
  const { gate, flop } = PARITY.cells;
  const wrong = { ...PARITY, cells: { flop: flop!, gate: { ...gate!, type: 'NAND2' } } };
  const difference = findDifference(parityModule, new Netlist(wrong, cells), {
    vectors: 2000,
    seed: 1,
  });
  assert.equal(difference?.output, 'parity');
  assert.ok(difference!.cycle < 8);
});

test('energy is that of outputs, loads, pins and both edges of the clock', () => {
  // The input is always 1, so all nets but the input and the clock toggle in each cycle.
  const stream = Array.from({ length: 32 * 40 }, () => ({ in_bit: 1n }));
  const energy = energyPerCycle(new Netlist(PARITY, cells), stream, volts, 4);
  const gate = 2 + 0.5 * 1; // inside at 1 fF, and charging the flop's data pin
  const flop = 0 + 0.5 * 1; // no table, and charging the gate's pin
  const clock = 2 * (2 + 0.5);
  assert.ok(Math.abs(energy - (gate + flop + clock)) < 1e-9, String(energy));
});

test('without changes only the clock costs energy', () => {
  const stream = Array.from({ length: 32 * 40 }, () => ({ in_bit: 0n }));
  assert.equal(energyPerCycle(new Netlist(PARITY, cells), stream, volts, 4), 5);
});

test('gates in a loop and cells of another library are refused', () => {
  const inverter = { type: 'INV', connections: { A: [3], Y: [3] } };
  assert.throws(
    () => new Netlist({ ports: {}, cells: { inverter } }, cells),
    /must not form a loop/,
  );
  const alien = { ...inverter, type: 'sky130_inv' };
  assert.throws(() => new Netlist({ ports: {}, cells: { alien } }, cells), /cell alien must be of/);
});

test('bits that are 1 are counted in all 32', () => {
  assert.deepEqual([0, -1, 0x80000001 | 0, 0x0f0f0f0f].map(ones), [0, 32, 2, 16]);
});
