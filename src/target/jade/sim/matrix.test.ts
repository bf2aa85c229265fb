/** What matmul does to the chip, against a computation written out here from its summary. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import nano from '../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { ELEMENTS, UNIT_EXPONENTS } from '../arith/index.ts';
import { assemble } from '../assemble.ts';
import { createSimulator, type RunStats, type Simulator } from './simulator.ts';

const { fround } = Math;
const ACCUMULATOR = nano.scratchpad.sizeBytes;
const CONTROL = ACCUMULATOR + nano.accumulator.sizeBytes;

function machine(change: Partial<Chip['matrix']> = {}): Simulator {
  const chip = nano as Chip;
  return createSimulator({ ...chip, matrix: { ...chip.matrix, ...change } }, 65_536);
}

function run(simulator: Simulator, text: string): RunStats {
  return simulator.run(assemble(text), { maxPosition: 64 });
}

/** Writes i32 from a byte of the control memory on. */
function control(simulator: Simulator, at: number, words: readonly number[]): void {
  new Int32Array(simulator.local.buffer).set(words, (CONTROL + at) / 4);
}

/** Writes f32 at a byte address. */
function put(simulator: Simulator, address: number, values: Iterable<number>): void {
  new Float32Array(simulator.local.buffer).set([...values], address / 4);
}

function get(simulator: Simulator, address: number, count: number): Float32Array {
  return new Float32Array(simulator.local.buffer).slice(address / 4, address / 4 + count);
}

interface MatmulCase {
  readonly activation: 'mxint8' | 'mxfp8';
  readonly weight: 'mxint8' | 'mxfp8' | 'mxfp4';
}

/** Addresses of the operands in these tests. */
const MATMUL = { a: 0x1000, w: 0x4000, c: ACCUMULATOR };

/** How weights lie: bytes of a block, and where block (n, kb), or when transposed (k, nb), is. */
interface Layout {
  readonly name: string;
  readonly transposed?: boolean;
  readonly strides: (block: number) => readonly [stride: number, blockStride: number];
}
const PACKED: Layout = { name: 'packed', strides: (block) => [block, 64 * block] };
const BY_ROW: Layout = { name: 'by row', strides: (block) => [0x80, block] };
const TRANSPOSED: Layout = { ...BY_ROW, name: 'transposed', transposed: true };

function blockBytesOf(weight: MatmulCase['weight']): number {
  return weight === 'mxfp4' ? 17 : 33;
}

/** A byte that is no NaN in any format. */
function elementByte(random: Random): number {
  const byte = random.int(256);
  return (byte & 0x7f) === 0x7f ? 0 : byte;
}

/** Activation rows 0x100 apart and 64 rows of weights, two blocks each, with scales near 1. */
function fillOperands(
  { local }: Simulator,
  random: Random,
  weight: MatmulCase['weight'],
  { strides }: Layout,
): void {
  for (let i = 0x1000; i < 0xa000; i++) local[i] = elementByte(random);
  const [stride, blockStride] = strides(blockBytesOf(weight));
  for (const b of [0, 1]) {
    for (let r = 0; r < 8; r++) local[MATMUL.a + r * 0x100 + b * 33] = 120 + random.int(15);
    for (let n = 0; n < 64; n++) {
      local[MATMUL.w + n * stride + b * blockStride] = 120 + random.int(15);
    }
  }
}

/** Element `index` of the block at `address`, whose first byte is the scale. */
function elementAt(
  { local }: Simulator,
  format: MatmulCase['weight'],
  address: number,
  index: number,
): number {
  const first = address + 1;
  if (format !== 'mxfp4') return ELEMENTS[format][local[first + index]!]!;
  return ELEMENTS.mxfp4[(local[first + (index >> 1)]! >> (4 * (index & 1))) & 15]!;
}

/** c[r][n] from activation row `row` (at row · 0x100) and weight n, for K = 64. */
function expectedProduct(
  simulator: Simulator,
  { activation, weight }: MatmulCase,
  row: number,
  n: number,
  { transposed, strides }: Layout,
  start = 0,
): number {
  const { local } = simulator;
  const [stride, blockStride] = strides(blockBytesOf(weight));
  let acc = start;
  for (let b = 0; b < 2; b++) {
    const [aBlock, wBlock] = [
      MATMUL.a + row * 0x100 + b * 33,
      MATMUL.w + n * stride + b * blockStride,
    ];
    let sum = 0;
    for (let i = 0; i < 32; i++) {
      const k = MATMUL.w + (b * 32 + i) * stride + (n >> 5) * blockStride;
      const w = transposed
        ? elementAt(simulator, weight, k, n & 31)
        : elementAt(simulator, weight, wBlock, i);
      sum += elementAt(simulator, activation, aBlock, i) * w;
    }
    const [sa, sw] = [local[aBlock]!, transposed ? 127 : local[wBlock]!];
    const units = UNIT_EXPONENTS[activation] + UNIT_EXPONENTS[weight];
    acc = fround(acc + fround(sum * 2 ** (sa + sw - 254 - units)));
  }
  return acc;
}

function matmulText(weight: MatmulCase['weight'], { strides }: Layout, rest: string): string {
  const code = { mxint8: 2, mxfp8: 3, mxfp4: 4 }[weight];
  const [stride, blockStride] = strides(blockBytesOf(weight));
  return (
    `matmul a=${MATMUL.a} w=${MATMUL.w} wStride=${stride} wBlockStride=${blockStride} ` +
    `wFormat=${code} k=64 c=${MATMUL.c} ${rest}`
  );
}

const CASES: readonly MatmulCase[] = [
  { activation: 'mxint8', weight: 'mxint8' },
  { activation: 'mxint8', weight: 'mxfp4' },
  { activation: 'mxfp8', weight: 'mxfp8' },
  { activation: 'mxfp8', weight: 'mxfp4' },
];

for (const one of CASES) {
  const { activation, weight } = one;
  for (const layout of [PACKED, BY_ROW]) {
    test(`matmul ${activation} × ${weight}: rows (t, j), weights ${layout.name}`, () => {
      const simulator = machine({ activationFormat: activation, weightFormat: weight });
      fillOperands(simulator, new Random(1), weight, layout);
      // t is 0x200 apart and j 0x100: row r lies at r · 0x100 when inner is 2.
      const fields = 'aStride=0x200 aInner=0x100 rows=5 inner=2 columns=20 cStride=0x60';
      const text = matmulText(weight, layout, `${fields} rowCount=none rowList=none`);
      assert.equal(run(simulator, text).macs, 5 * 20 * 64);
      for (let r = 0; r < 5; r++) {
        const expected = Float32Array.from({ length: 20 }, (_, n) =>
          expectedProduct(simulator, one, r, n, layout),
        );
        assert.deepEqual(get(simulator, MATMUL.c + r * 0x60, 20), expected);
      }
    });
  }
}

for (const format of ['mxint8', 'mxfp8'] as const) {
  test(`matmul ${format}: transposed weights hold a k in each row, and accumulate adds`, () => {
    const simulator = machine({ activationFormat: format, weightFormat: format });
    fillOperands(simulator, new Random(2), format, TRANSPOSED);
    const sums = Array.from({ length: 64 }, (_, n) => n + 1);
    put(simulator, MATMUL.c, sums);
    const fields = 'aStride=0x100 rows=1 inner=1 columns=64 transposed=1 accumulate=1';
    run(simulator, matmulText(format, TRANSPOSED, `${fields} rowCount=none rowList=none`));
    const one: MatmulCase = { activation: format, weight: format };
    const expected = Float32Array.from(sums, (start, n) =>
      expectedProduct(simulator, one, 0, n, TRANSPOSED, start),
    );
    assert.deepEqual(get(simulator, MATMUL.c, 64), expected);
  });
}

test('matmul takes its rows from a list, as many as the count says', () => {
  const simulator = machine();
  fillOperands(simulator, new Random(3), 'mxint8', BY_ROW);
  control(simulator, 0, [2]);
  control(simulator, 0x10, [3, 1, 7]);
  const fields = 'aStride=0x100 rows=8 inner=1 columns=4 cStride=16';
  const text = matmulText('mxint8', BY_ROW, `${fields} rowCount=0x28000 rowList=0x28010`);
  assert.equal(run(simulator, text).macs, 2 * 4 * 64);
  const one: MatmulCase = { activation: 'mxint8', weight: 'mxint8' };
  for (const [r, row] of [3, 1].entries()) {
    const expected = Float32Array.from({ length: 4 }, (_, n) =>
      expectedProduct(simulator, one, row, n, BY_ROW),
    );
    assert.deepEqual(get(simulator, MATMUL.c + r * 16, 4), expected);
  }
  assert.deepEqual(get(simulator, MATMUL.c + 32, 4), new Float32Array(4));
});

test('a matmul of no rows leaves its results alone', () => {
  const simulator = machine();
  put(simulator, MATMUL.c, [7]);
  const fields = 'aStride=0x100 rows=8 inner=1 columns=4 cStride=16';
  const text = matmulText('mxint8', BY_ROW, `${fields} rowCount=0x28000 rowList=none`);
  assert.equal(run(simulator, text).macs, 0);
  assert.deepEqual(get(simulator, MATMUL.c, 1), Float32Array.of(7));
});
