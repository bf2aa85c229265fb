/** The vector unit in Verilator beside the simulator: many random instructions on two chips. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missing } from '../../../../../test/rtl/tools.ts';
import { Random } from '../../../../base/index.ts';
import { loadChip } from '../../../../chip/index.ts';
import { execute } from '../../sim/execute.ts';
import { vectorCycles } from '../../vector/cycles.ts';
import {
  ADDRESS_BITS,
  randomCase,
  testChip,
  VECTOR_OPCODES,
} from '../../../../../test/vector/randomInstruction.ts';
import { realRows } from '../../../../../test/vector/bench.ts';
import { verilatedUnit } from '../../../../../test/vector/verilatedUnit.ts';

const CASES = 40;
const CHIPS = [
  [32, 2, 'mxint8'],
  [64, 3, 'mxfp8'],
] as const;

for (const [lanes, contexts, format] of CHIPS) {
  const name = `${lanes} lanes, ${contexts} contexts, ${format}: Verilator runs instructions as the simulator does`;
  test(name, { skip: missing('verilator') }, (t) => {
    const chip = testChip(loadChip('jade-nano'), lanes, contexts, format);
    const run = verilatedUnit(t, chip, ADDRESS_BITS);
    const random = new Random(lanes);
    for (const op of VECTOR_OPCODES) {
      const cases = Array.from({ length: CASES }, () => randomCase(random, op, chip));
      const outcomes = run(cases, random);
      for (const [i, { fields, state }] of cases.entries()) {
        const rows = realRows(fields, state);
        execute({ op, fields, wait: 0, signal: 0 }, state, rows);
        const { local, fault, cycles } = outcomes[i]!;
        const wrong = local.findIndex((byte, at) => byte !== state.local[at]);
        const what = `${op} ${i}: ${JSON.stringify(fields)}`;
        assert.equal(wrong, -1, `byte 0x${wrong.toString(16)} of ${what}`);
        assert.equal(fault, state.fault, what);
        assert.equal(cycles, vectorCycles(op, fields, chip, rows), `cycles of ${what}`);
      }
    }
  });
}
