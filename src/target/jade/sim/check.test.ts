import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CapacityError, FormatError } from '../../../base/index.ts';
import { type Chip } from '../../../chip/index.ts';
import nano from '../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { assemble } from '../assemble.ts';
import { createSimulator } from './simulator.ts';

function run(text: string): void {
  createSimulator(nano as Chip, 4096).run(assemble(text), { maxPosition: 10 });
}

function complaint(text: string): string {
  try {
    run(`zero d=0 rows=1 columns=1\n${text}`);
  } catch (error) {
    assert.ok(error instanceof FormatError);
    assert.equal(error.where, `instruction 1 (${text.split(' ')[0]})`);
    return error.message;
  }
  return 'nothing';
}

const MATMUL =
  'matmul aData=0 aScale=64 rows=1 inner=1 wData=0 wFormat=4 columns=4 c=0x20000 rowCount=none rowList=none';
const ROWS = 'rows=1 inner=1 columns=64 rowCount=none';

const ILLEGAL: readonly (readonly [string, string])[] = [
  [`${MATMUL} k=40 wScale=none`, 'k must be a multiple of 32, not 40'],
  [
    `${MATMUL.replace('wFormat=4', 'wFormat=3')} k=32 wScale=none`,
    'wFormat must be one of mxint8, mxfp4, not 3',
  ],
  [`${MATMUL} k=32 transposed=1 wScale=0`, 'wScale must be none when transposed, not 0'],
  [
    `${MATMUL.replace('c=0x20000', 'c=0x100')} k=32 wScale=none`,
    'c must be in the accumulators, from 131072 on, not 256',
  ],
  [
    `${MATMUL.replace('rowList=none', 'rowList=4').replace('inner=1', 'inner=2')} k=32 wScale=none`,
    'inner must be 1 with a list of rows, not 2',
  ],
  [`silu a=2 d=0 dScale=none ${ROWS}`, 'a must be a multiple of 4, not 2'],
  [`silu a=0 d=0 dScale=none rows=1 columns=4 rowCount=none`, 'inner must be at least 1, not 0'],
  [
    `silu a=0 d=1 dScale=1 dFormat=3 group=32 ${ROWS}`,
    'dFormat must be f32 (0) or mxint8 (2), not 3',
  ],
  [
    `silu a=0 d=1 dScale=1 dFormat=2 group=48 ${ROWS}`,
    'group must be a multiple of 32, not 48; columns must be whole groups of 48, not 64',
  ],
  [
    `silu a=0 d=1 dScale=none dFormat=2 group=32 ${ROWS}`,
    'dScale must be an address when d is quantised, not 4294967295',
  ],
  [
    `silu a=0x27f80 d=0 dScale=none ${ROWS}`,
    'operands in the chip must end at byte 163840, not 163968',
  ],
  [
    'load memory=4090 local=0 rowBytes=8 rows=1 planes=1 unless=none',
    'operands in the memory must end at byte 4096, not 4098',
  ],
  [
    'load memory=0 local=0 rowBytes=8 rows=1 planes=1 unless=none sequence=128',
    'sequence must be below 128, not 128',
  ],
  [
    'route a=0 b=none rows=1 columns=6 d=0 groups=4 topGroups=1 topK=1',
    'groups must divide the 6 experts, not 4',
  ],
  [
    'route a=0 b=none rows=1 columns=8 d=0 groups=4 topGroups=1 topK=3',
    'topK must be at most the 2 eligible experts, not 3',
  ],
];

for (const [text, message] of ILLEGAL) {
  test(`${text.split(' ')[0]}: ${message}`, () => assert.equal(complaint(text), message));
}

test('a position register that leads out of the memory is an error, not a silent overrun', () => {
  const simulator = createSimulator(nano as Chip, 4096);
  const program = assemble(
    'load memory=0 local=0 rowBytes=8 rows=1 planes=1 positionStride=64 sequence=3 unless=none',
  );
  simulator.positions[3] = 63;
  simulator.run(program, { maxPosition: 63 });
  simulator.positions[3] = 64;
  assert.throws(
    () => simulator.run(program, { maxPosition: 63 }),
    (error) => {
      assert.ok(error instanceof CapacityError);
      assert.equal(
        error.message,
        'a transfer must end within the memory of 4096 bytes, not at 4104',
      );
      assert.equal(error.where, 'position 64 of sequence 3');
      return true;
    },
  );
});
