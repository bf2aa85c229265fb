import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CapacityError, FormatError } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
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
  'matmul a=0x4000 rows=1 inner=1 w=0 wStride=17 wFormat=4 columns=4 c=0x20000 rowCount=none rowList=none';
const ROWS = 'rows=1 inner=1 columns=64 rowCount=none';

const ILLEGAL: readonly (readonly [string, string])[] = [
  [`${MATMUL} k=40`, 'k must be a multiple of 32, not 40'],
  [
    `${MATMUL.replace('wFormat=4', 'wFormat=3')} k=32`,
    'wFormat must be one of mxint8, mxfp4, not 3',
  ],
  [
    `${MATMUL.replace('wStride=17', 'wStride=34')} k=64 wBlockStride=18`,
    'wStride or wBlockStride must be a block of 17 bytes, not 18',
  ],
  [
    `${MATMUL} k=32 transposed=1 wBlockStride=16`,
    'wFormat must be mxint8 when transposed, not 4; wBlockStride must be a block of 17 bytes, not 16; columns must be a multiple of 32, not 4',
  ],
  [
    `${MATMUL.replace('rows=1', 'rows=2')} k=32 cStride=12`,
    'cStride must be at least a row of 16 bytes, not 12',
  ],
  [
    `${MATMUL.replace('c=0x20000', 'c=0x100')} k=32`,
    'results must lie in the accumulators (bytes 131072 to 163839), not at bytes 256 to 271',
  ],
  [
    `${MATMUL.replace('a=0x4000', 'a=0x20000')} k=32`,
    'activations must lie in the scratchpad (bytes 0 to 131071), not at bytes 131072 to 131104',
  ],
  [
    `${MATMUL.replace('w=0', 'w=0x1fff0')} k=32`,
    'weights must lie in the scratchpad (bytes 0 to 131071), not at bytes 131056 to 131123',
  ],
  [
    `${MATMUL.replace('rowCount=none', 'rowCount=8')} k=32`,
    'counts and lists must lie in the control memory (bytes 163840 to 167935), not at bytes 8 to 11',
  ],
  [
    `${MATMUL.replace('rowList=none', 'rowList=0x28000').replace('inner=1', 'inner=2')} k=32`,
    'inner must be 1 with a list of rows, not 2',
  ],
  [`silu a=2 d=0x1000 ${ROWS}`, 'a must be a multiple of 4, not 2'],
  [`silu a=0 d=0x1000 rows=1 columns=4 rowCount=none`, 'inner must be at least 1, not 0'],
  [`silu a=0 d=0x1001 dFormat=3 group=32 ${ROWS}`, 'dFormat must be f32 (0) or mxint8 (2), not 3'],
  [
    `copy a=0 d=0x1001 dFormat=2 group=48 ${ROWS}`,
    'group must be a multiple of 32, not 48; columns must be whole groups of 48, not 64',
  ],
  [
    `silu a=0 d=0x1001 dFormat=2 group=64 ${ROWS}`,
    'group must be a power of two up to the 32 lanes but in copy, not 64',
  ],
  [
    `silu a=0x27f80 d=0 ${ROWS}`,
    'operands must lie in the scratchpad (bytes 0 to 131071) or the accumulators (bytes 131072 to 163839), not at bytes 163712 to 163967',
  ],
  [
    `silu a=0 d=0x1ff80 ${ROWS}`,
    'results must lie in the scratchpad (bytes 0 to 131071) or the accumulators (bytes 131072 to 163839), not at bytes 130944 to 131199',
  ],
  [
    'load memory=0 local=0x20000 rowBytes=8 rows=1 planes=1 unless=none',
    'results must lie in the scratchpad (bytes 0 to 131071) or the control memory (bytes 163840 to 167935), not at bytes 131072 to 131079',
  ],
  [
    'load memory=0 local=0x28000 rowBytes=6 rows=1 planes=1 unless=none',
    'rowBytes must be a multiple of 4, not 6',
  ],
  [
    'gather memory=0 local=0x28000 rowBytes=8 rows=1 list=0x28000 limit=1',
    'results must lie in the scratchpad (bytes 0 to 131071), not at bytes 163840 to 163847',
  ],
  [
    'dispatch a=0 rows=1 columns=1 d=0x100 list=0x28000',
    'results must lie in the control memory (bytes 163840 to 167935), not at bytes 256 to 259',
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
    'load memory=0 local=0 rowBytes=8 rows=1 planes=1 unless=none positionShift=32 positionOffset=0x80000000',
    'positionShift must be below 32, not 32; positionOffset must be below 2147483648, not 2147483648',
  ],
  [
    'softmax a=0 b=none d=0x1000 rows=1 inner=1 columns=4 always=0x100000 shift=32',
    'always must be below 1048576, not 1048576; shift must be below 32, not 32',
  ],
  [
    'topk a=0 d=0x1000 rows=1 inner=1 columns=4 topK=5',
    'topK must be at most the 4 columns, not 5',
  ],
  [
    'mix a=0 b=0x1002 d=0x2000 rows=1 columns=4 terms=41985',
    'b must be a multiple of 4, not 4098; terms must be at most the 41984 words of the chip, not 41985',
  ],
  [
    'route a=0 b=none rows=1 columns=6 d=0x1000 groups=4 topGroups=1 topK=1',
    'groups must divide the 6 experts, not 4',
  ],
  [
    'route a=0 b=none rows=1 columns=8 d=0x1000 groups=4 topGroups=1 topK=3',
    'topK must be at most the 2 eligible experts, not 3',
  ],
  [
    'route a=0 b=0x1000 bStride=2 rows=1 columns=8 d=0x2000 groups=1 topGroups=1 topK=1 scoring=3 groupByBest=2',
    'bStride must be a multiple of 4, not 2; groupByBest must be 0 or 1, not 2; scoring must be 0, 1 or 2, not 3',
  ],
  [`swiglu a=0 b=0 d=0x1000 limit=-1 ${ROWS}`, 'limit must be at least 0, not -1'],
  [`signedRoot a=0 d=0x1000 smallest=0 ${ROWS}`, 'smallest must be a normal number above 0, not 0'],
  ['sum a=0 d=0x1002 rows=1 inner=1 columns=4', 'd must be a multiple of 4, not 4098'],
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

const TWO = 'rows=2 inner=1 columns=8';
const DISTURBING = 'rows of d must not overlap what other rows read';

const OVERLAPPING: readonly (readonly [string, string])[] = [
  [
    `silu a=0 aStride=32 d=0x1000 dStride=16 ${TWO} rowCount=none`,
    'rows of d must not overlap each other',
  ],
  [`zero d=0x1000 dStride=16 rows=2 columns=8`, 'rows of d must not overlap each other'],
  [`silu a=0 aStride=32 d=32 dStride=32 ${TWO} rowCount=none`, DISTURBING],
  [`silu a=0 aStride=32 d=16 dStride=64 ${TWO} rowCount=none`, DISTURBING],
  [`copy a=0 aStride=32 d=0 dStride=32 aFormat=1 ${TWO} rowCount=none`, DISTURBING],
  [`add a=0 aStride=32 b=0x100 bStride=0 d=0x100 dStride=32 ${TWO} rowCount=none`, DISTURBING],
  [`rms a=0 aStride=32 b=0x100 d=0x100 dStride=32 ${TWO}`, DISTURBING],
  [`rope a=0 aStride=32 b=0x100 bStride=32 d=0x100 dStride=32 ${TWO}`, DISTURBING],
  [`softmax a=0 aStride=32 b=0x107 d=0x100 dStride=32 ${TWO}`, DISTURBING],
  [`argmax a=0 aStride=32 d=8 dStride=32 ${TWO}`, DISTURBING],
  [`sum a=0 aStride=32 d=0x100 ${TWO}`, 'rows of d must not overlap each other'],
  [`sum a=0 aStride=32 d=8 dStride=4 ${TWO}`, DISTURBING],
  [
    'route a=0 aStride=32 b=0x100 bStride=32 d=0x100 dStride=32 rows=2 columns=8 groups=1 topGroups=1 topK=1',
    DISTURBING,
  ],
  [`scale a=0 aStride=32 b=0x104 d=0x100 dStride=32 ${TWO} rowCount=none`, DISTURBING],
  [`scaleAdd a=0 aStride=32 b=0x200 d=0x100 ${TWO}`, 'rows of d must not overlap each other'],
  [`topk a=0x100 aStride=32 d=0x100 dStride=32 topK=1 ${TWO}`, DISTURBING],
  [`mix a=0 aStride=64 aInner=32 b=0x200 d=96 dStride=32 rows=2 terms=2 columns=8`, DISTURBING],
  [
    'dispatch a=0 rows=2 columns=2 d=0x28000 list=0x28004 listStride=8',
    'counts and lists must not overlap',
  ],
  [
    'dispatch a=0 rows=2 columns=2 d=0x28000 list=0x28100 listStride=4',
    'counts and lists must not overlap',
  ],
  [
    'combine a=0 aStride=32 rows=2 columns=8 d=32 dStride=32 gate=0x100 list=0x28000 rowCount=none',
    'sums must not overlap rows and gates',
  ],
  [
    'combine a=0 aStride=32 rows=2 columns=8 d=0x100 dStride=32 gate=0x104 list=0x28000 rowCount=none',
    'sums must not overlap rows and gates',
  ],
];

for (const [text, message] of OVERLAPPING) {
  test(`${text}: ${message}`, () => assert.equal(complaint(text), message));
}

test('a row may be written over the row it is computed from', () => {
  for (const text of [
    `silu a=0x100 aStride=32 d=0x100 dStride=32 ${TWO} rowCount=none`,
    `add a=0 aStride=32 b=0x100 bStride=32 d=0x100 dStride=32 ${TWO} rowCount=none`,
    `rope a=0x100 aStride=64 aInner=32 b=0 d=0x100 dStride=64 dInner=32 rows=4 inner=2 columns=8`,
    `silu a=0x100 aStride=64 d=0x120 dStride=64 ${TWO} rowCount=none`,
    `scaleAdd a=0x100 aStride=32 b=0x200 d=0x100 dStride=32 ${TWO}`,
    `mix a=0 aStride=64 aInner=32 b=0x200 d=32 dStride=64 rows=2 terms=2 columns=8`,
  ])
    assert.equal(complaint(text), 'nothing');
});

test('a bank of the scratchpad serves activations or weights of a program, never both', () => {
  const product = (a: number, w: number): string =>
    `${MATMUL.replace('a=0x4000', `a=${a}`).replace('w=0', `w=${w}`)} k=32`;
  run(`${product(0x4000, 0x100)}\n${product(0x8000, 0x200)}`);
  assert.throws(() => run(`${product(0x4000, 0x100)}\n${product(0x8000, 0x4200)}`), {
    name: 'FormatError',
    message: 'bank 1 must serve activations or weights of a program, not both',
    where: 'instruction 1 (matmul)',
  });
});

test('a matmul adds to the sums of the one before it in the same places only, or to others', () => {
  const product = (c: number, accumulate: number): string =>
    `${MATMUL.replace(/c=\S+/, `c=${c}`)} k=32 accumulate=${accumulate}`;
  const two = (c: number, next: number, accumulate: number) => (): unknown =>
    run(`${product(c, 0)}\n${product(next, accumulate)}`);
  const c = Number(/ c=(\S+)/.exec(MATMUL)![1]);
  two(c, c, 1)();
  two(c, c + 4, 0)();
  two(c, c + 4096, 1)();
  assert.throws(two(c, c + 4, 1), {
    name: 'FormatError',
    where: 'instruction 1 (matmul)',
  });
});
