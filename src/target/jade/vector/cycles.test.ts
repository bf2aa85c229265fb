import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FORMAT_CODES, NONE, type Fields } from '../isa.table.ts';
import { vectorCycles } from './cycles.ts';
import { MICROCODE, type ProgramName } from './microcode.table.ts';
import { REGISTERS } from './microOps.ts';
import { microOpsOf } from './program.ts';

const nano = { vector: { lanes: 32, operationCycles: 2 } };

const mx = { dFormat: FORMAT_CODES.mxint8, group: 32, rowCount: NONE };

/** Lead 2, fetch 4, quantise 2, and the latency of an operation, less the slot that is counted. */
const around = ({ vector }: typeof nano): number => 2 + 4 + 2 - 1 + vector.operationCycles;

test('an elementwise instruction takes P cycles for a slot of P windows', () => {
  const fields: Fields = { ...mx, columns: 96 };
  assert.equal(vectorCycles('add', fields, nano, 3), around(nano) + 2 * 5 * 2);
  assert.equal(vectorCycles('copy', fields, nano, 4), around(nano) + 12);
  const edge = { vector: { lanes: 64, operationCycles: 4 } };
  assert.equal(vectorCycles('add', fields, edge, 3), around(edge) + 4 * 2 * 2);
});

test('a row count costs its reading, and no rows nothing more', () => {
  const fields: Fields = { ...mx, columns: 96, rowCount: 64 };
  assert.equal(vectorCycles('silu', fields, nano, 0), around(nano) + 4);
});

test('a group wider than the lanes is read twice', () => {
  const fields: Fields = { ...mx, columns: 384, group: 192 };
  assert.equal(vectorCycles('copy', fields, nano, 1), around(nano) + 2 * 2 * 6);
});

test('rows of softmax, rms and route loop over their windows', () => {
  const softmax: Fields = { ...mx, columns: 64, b: NONE };
  assert.equal(vectorCycles('softmax', softmax, nano, 2), around(nano) + 4 + 2 * (22 + 25 * 2));
  const rms: Fields = { ...mx, columns: 65 };
  assert.equal(vectorCycles('rms', rms, nano, 1), around(nano) + 2 * (23 + 4 * 3));
});

test('combine takes its rows one by one; dispatch an entry a cycle', () => {
  assert.equal(
    vectorCycles('combine', { columns: 64, rowCount: 0 }, nano, 3),
    around(nano) + 4 + 3 * (8 + 6),
  );
  assert.equal(vectorCycles('dispatch', { columns: 8 }, nano, 5), 2 + 8 * 6 + 3);
});

test('a slot reads one register and one place of memory at most', () => {
  for (const name of Object.keys(MICROCODE) as ProgramName[]) {
    for (const { a, b, save = 0 } of microOpsOf(MICROCODE[name].body)) {
      const operands = [a, b];
      const registers = new Set(operands.flatMap(({ register }) => register ?? []));
      const loads = new Set(operands.flatMap(({ load }) => load ?? []));
      assert.ok(registers.size <= 1 && loads.size <= 1, `${name}: ${JSON.stringify(operands)}`);
      assert.ok(
        [...registers, save].every((register) => register < REGISTERS),
        name,
      );
    }
  }
});
