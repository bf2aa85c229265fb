/** The vector unit beside the simulator: every byte of the chip, and the cycle of every end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { loadChip } from '../../../../chip/index.ts';
import type { Fields, Opcode } from '../../isa.table.ts';
import { execute } from '../../sim/execute.ts';
import type { ChipState } from '../../sim/state.ts';
import { vectorCycles } from '../../vector/cycles.ts';
import { portion } from '../../../../../test/portion.ts';
import {
  ADDRESS_BITS,
  randomCase,
  testChip,
  VECTOR_OPCODES,
} from '../../../../../test/vector/randomInstruction.ts';
import {
  realRows,
  runInstruction,
  simulatedUnit,
  type StepUnit,
} from '../../../../../test/vector/bench.ts';

const nano = loadChip('jade-nano');
const chip = testChip(nano, 32, 2, 'mxint8');
const unit: StepUnit = simulatedUnit(chip, ADDRESS_BITS);

/** Runs an instruction on both; the unit works on a copy of the chip. */
function check(op: Opcode, fields: Fields, state: ChipState, random: Random, what: string): void {
  const buffer = state.local.slice().buffer;
  const copy: ChipState = {
    ...state,
    local: new Uint8Array(buffer),
    localF32: new Float32Array(buffer),
    localU32: new Uint32Array(buffer),
    localI32: new Int32Array(buffer),
  };
  const rows = realRows(fields, state);
  execute({ op, fields, wait: 0, signal: 0 }, state, rows);
  const outcome = runInstruction(unit, copy, op, fields, random);
  const wrong = copy.local.findIndex((byte, i) => byte !== state.local[i]);
  assert.equal(wrong, -1, `${what}: byte 0x${wrong.toString(16)} of ${JSON.stringify(fields)}`);
  assert.equal(outcome.fault, state.fault, what);
  assert.equal(outcome.cycles, vectorCycles(op, fields, state.chip, rows), `${what}: cycles`);
}

for (const op of VECTOR_OPCODES) {
  test(`${op}: bytes and cycles are those of the simulator`, () => {
    const random = new Random(op.length * 100 + op.charCodeAt(0));
    for (const trial of portion([0, 1, 2, 3, 4, 5], 3)) {
      const { fields, state } = randomCase(random, op, chip);
      check(op, fields, state, random, `trial ${trial}`);
    }
  });
}
