/** The matrix unit beside the definition: sums bit for bit, and the cycle of every completion. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thorough } from '../../../../../test/portion.ts';
import { Random } from '../../../../base/index.ts';
import { loadChip, type Chip } from '../../../../chip/index.ts';
import { CycleSimulator } from '../../../../hdl/index.ts';
import type { MxFormat } from '../../../../ir/index.ts';
import { decodeElements, plainDot, UNIT_EXPONENTS } from '../../arith/index.ts';
import { FORMAT_CODES, NONE, type FieldsOf } from '../../isa.table.ts';
import { matmulPhases } from '../../sim/matrixTiming.ts';
import { blockBytesOf } from './matrixShape.ts';
import { matrixUnit } from './matrixUnit.ts';

type Matmul = FieldsOf<'matmul'>;

const ADDRESS_BITS = 17;
/** Areas of the test's memory: activations, weights, accumulators, control. */
const WEIGHTS = 0x4000;
const RESULTS = 0x10000;
const CONTROL = 0x1e000;
const READ_CYCLES = 3;

function chipOf(
  activationFormat: 'mxint8' | 'mxfp8',
  weightFormat: 'mxint8' | 'mxfp8' | 'mxfp4',
  changes: Partial<Chip['matrix']> = {},
): Chip {
  const chip = loadChip('jade-nano');
  const sizes = {
    columns: 16,
    weightPortBytesPerCycle: 64,
    accumulateCycles: 6,
    pipelineCycles: 16,
  };
  return {
    ...chip,
    matrix: { ...chip.matrix, ...sizes, activationFormat, weightFormat, ...changes },
  };
}

function toBits(bytes: Uint8Array): bigint {
  return BigInt(
    `0x${[...bytes]
      .toReversed()
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('')}`,
  );
}

/** The unit with a memory of its own; what it asks for comes three cycles later. */
class Bench {
  readonly memory = new Uint8Array(1 << ADDRESS_BITS);
  readonly starts: number[] = [];
  readonly retired: number[] = [];
  faults = 0;
  private readonly simulator: CycleSimulator<Record<string, number>, Record<string, number>>;
  private readonly columns: number;
  private readonly portBytes: number;
  private readonly replies: { at: number; port: string; value: bigint }[] = [];

  constructor(chip: Chip) {
    this.columns = chip.matrix.columns;
    this.portBytes = chip.matrix.weightPortBytesPerCycle;
    this.simulator = new CycleSimulator(matrixUnit(chip, ADDRESS_BITS));
    this.simulator.reset();
  }

  /** Starts an instruction in the first cycle the unit is ready; returns the cycle from which it waited. */
  start(fields: Matmul): number {
    const wanted = this.simulator.cycle;
    while (!this.isReady()) this.step({});
    this.starts.push(this.simulator.cycle);
    this.step({ start: 1, ...fields });
    return wanted;
  }

  private isReady(): boolean {
    return this.simulator.probe('ready').read() === 1n;
  }

  /** Until all that started has completed and its last sums are written. */
  drain(): void {
    while (this.retired.length < this.starts.length) this.step({});
    this.idle(2);
  }

  idle(cycles: number): void {
    for (let i = 0; i < cycles; i++) this.step({});
  }

  private step(inputs: Readonly<Record<string, number>>): void {
    const { cycle } = this.simulator;
    const due: Record<string, bigint> = {};
    while (this.replies.length > 0 && this.replies[0]!.at === cycle) {
      const { port, value } = this.replies.shift()!;
      due[port] = value;
    }
    const outputs = this.simulator.step({ start: 0, ...due, ...inputs });
    if (outputs['retire'] === 1n) this.retired.push(cycle);
    if (outputs['fault'] === 1n) this.faults++;
    const reply = (valid: string, port: string, address: string, bytes: number): void => {
      if (outputs[valid] !== 1n) return;
      const at = Number(outputs[address]);
      this.replies.push({
        at: cycle + READ_CYCLES,
        port,
        value: toBits(this.memory.slice(at, at + bytes)),
      });
    };
    reply('controlValid', 'controlData', 'controlAddress', 4);
    reply('listValid', 'listData', 'listAddress', 4);
    reply('weightValid', 'weightData', 'weightAddress', this.portBytes);
    reply('activationValid', 'activationData', 'activationAddress', 33);
    reply('accumulatorReadValid', 'accumulatorData', 'accumulatorReadAddress', 4 * this.columns);
    if (outputs['accumulatorWriteValid'] === 1n) this.write(outputs as Record<string, bigint>);
  }

  private write(outputs: Readonly<Record<string, bigint>>): void {
    const at = Number(outputs['accumulatorWriteAddress']);
    let data = outputs['accumulatorWriteData']!;
    for (let i = 0; i < Number(outputs['accumulatorWriteBytes']); i++, data >>= 8n)
      this.memory[at + i] = Number(data & 255n);
  }
}

const SCALES = [127, 120, 126, 133, 140, 67, 187, 255];

function randomBlocks(
  random: Random,
  memory: Uint8Array,
  at: number,
  count: number,
  format: MxFormat,
): void {
  const bytes = blockBytesOf(format);
  for (let block = 0; block < count; block++) {
    memory[at + block * bytes] = SCALES[random.int(random.int(8) === 0 ? 8 : 5)]!;
    for (let i = 1; i < bytes; i++)
      memory[at + block * bytes + i] = elementOf(random.int(256), format);
  }
}

/** Formats leave some codes out: −128 of int8, the NaNs of e4m3. */
function elementOf(code: number, format: MxFormat): number {
  if (format === 'mxint8') return code === 128 ? 127 : code;
  return format === 'mxfp8' && (code & 127) === 127 ? 126 : code;
}

interface Case {
  readonly fields: Matmul;
  readonly rows: number;
}

/** An instruction, its operands in memory. */
function randomCase(random: Random, chip: Chip, memory: Uint8Array, results: number): Case {
  const { activationFormat, weightFormat } = chip.matrix;
  const layout = random.int(3);
  const format: MxFormat = layout === 2 || random.int(2) === 0 ? activationFormat : weightFormat;
  const blocks = 1 + random.int(3);
  const columns = layout === 2 ? 32 * (1 + random.int(2)) : 1 + random.int(40);
  const inner = 1 + random.int(3);
  const rows = 1 + random.int(9);
  const hasCount = random.int(3) === 0;
  const hasList = random.int(3) === 0;
  randomBlocks(random, memory, 1, 40 * blocks, activationFormat);
  randomBlocks(random, memory, WEIGHTS + 3, 48 * 12, format);
  const real = hasCount ? random.int(rows + 1) : rows;
  const control = new DataView(memory.buffer, CONTROL);
  control.setInt32(0, real, true);
  for (let r = 0; r < rows; r++) control.setInt32(64 + 4 * r, random.int(rows), true);
  const block = blockBytesOf(format);
  const byRow = { wStride: blocks * block, wBlockStride: block };
  const strides = [{ wStride: block, wBlockStride: columns * block }, byRow];
  const transposed = { wStride: (columns / 32) * block, wBlockStride: block };
  const fields: Matmul = {
    a: 1,
    aStride: 33 * blocks * (hasList ? 1 : inner),
    aInner: 33 * blocks,
    rows,
    inner: hasList ? 1 : inner,
    k: 32 * blocks,
    w: WEIGHTS + 3,
    ...(strides[layout] ?? transposed),
    wFormat: FORMAT_CODES[format],
    columns,
    transposed: Number(layout === 2),
    c: results,
    cStride: 4 * columns,
    accumulate: random.int(2),
    rowCount: hasCount ? CONTROL : NONE,
    rowList: hasList ? CONTROL + 64 : NONE,
  };
  return { fields, rows: real };
}

/** Where element `i` of a row of blocks lies, and the elements decoded. */
function decodedRow(
  memory: Uint8Array,
  blockAt: (block: number) => number,
  blocks: number,
  format: MxFormat,
) {
  const elements = format === 'mxfp8' ? new Float32Array(32 * blocks) : new Int8Array(32 * blocks);
  const scales = new Uint8Array(blocks);
  for (let b = 0; b < blocks; b++) {
    scales[b] = memory[blockAt(b)]!;
    decodeElements(memory, blockAt(b) + 1, 32, format, elements, 32 * b);
  }
  return { elements, scales };
}

function transposedRow(memory: Uint8Array, f: Matmul, n: number, format: MxFormat) {
  const elements = format === 'mxfp8' ? new Float32Array(f.k) : new Int8Array(f.k);
  const one = format === 'mxfp8' ? new Float32Array(1) : new Int8Array(1);
  for (let k = 0; k < f.k; k++) {
    const at = f.w + k * f.wStride + Math.floor(n / 32) * f.wBlockStride + 1 + (n % 32);
    // One byte, decoded by itself.
    one[0] = 0;
    decodeElements(memory, at, 1, format, one, 0);
    elements[k] = one[0]!;
  }
  return { elements, scales: undefined };
}

/** The results the definition gives, as bytes, row by row. */
function expected(chip: Chip, memory: Uint8Array, { fields: f, rows }: Case): Float32Array[] {
  const activation = chip.matrix.activationFormat;
  const format = (Object.keys(FORMAT_CODES) as MxFormat[]).find(
    (name) => FORMAT_CODES[name] === f.wFormat,
  )!;
  const blocks = f.k / 32;
  const control = new DataView(memory.buffer, CONTROL);
  return Array.from({ length: rows }, (_, r) => {
    const t = f.rowList === NONE ? Math.floor(r / f.inner) : control.getInt32(64 + 4 * r, true);
    const at = f.a + t * f.aStride + (r % f.inner) * f.aInner;
    const a = decodedRow(memory, (b) => at + 33 * b, blocks, activation);
    const out = new Float32Array(
      memory.slice(f.c + r * f.cStride, f.c + r * f.cStride + 4 * f.columns).buffer,
    );
    for (let n = 0; n < f.columns; n++) {
      const w =
        f.transposed === 1
          ? transposedRow(memory, f, n, format)
          : decodedRow(memory, (b) => f.w + n * f.wStride + b * f.wBlockStride, blocks, format);
      const rowsOf = ({ elements, scales }: typeof w) => ({
        ...{ elements, scales, offset: 0, stride: f.k, scaleOffset: 0, scaleStride: blocks },
      });
      plainDot({
        ...{ a: rowsOf(a), w: rowsOf(w), M: 1, N: 1, K: f.k },
        unitExponent: UNIT_EXPONENTS[activation] + UNIT_EXPONENTS[format],
        ...{ out, outOffset: n, outStride: 0, accumulate: f.accumulate === 1 },
      });
    }
    return out;
  });
}

function results(memory: Uint8Array, { fields: f, rows }: Case): Float32Array[] {
  return Array.from({ length: rows }, (_, r) => {
    const at = f.c + r * f.cStride;
    return new Float32Array(memory.slice(at, at + 4 * f.columns).buffer);
  });
}

/** Bits, so that NaN equals NaN and -0 differs from +0. */
function bits(rows: readonly Float32Array[]): number[][] {
  return rows.map((row) => [...new Uint32Array(row.buffer)]);
}

function checkValues(chip: Chip, seed: number, count: number): void {
  const random = new Random(seed);
  const bench = new Bench(chip);
  for (let i = 0; i < count; i++) {
    const one = randomCase(random, chip, bench.memory, RESULTS);
    for (let at = RESULTS; at < RESULTS + 4096; at++) bench.memory[at] = 64 * Number(at % 4 === 3);
    const want = expected(chip, bench.memory, one);
    bench.start(one.fields);
    bench.drain();
    assert.deepEqual(bits(results(bench.memory, one)), bits(want), JSON.stringify(one));
    assert.equal(bench.faults, 0);
  }
}

/** Instructions as fast as the unit takes them: all read and write the same places, so only time counts. */
function checkCycles(chip: Chip, seed: number, count: number): void {
  const random = new Random(seed);
  const bench = new Bench(chip);
  let arrayFree = 0;
  let loaderFree = 0;
  const ends: number[] = [];
  const starts: number[] = [];
  for (let i = 0; i < count; i++) {
    const { fields } = randomCase(random, chip, bench.memory, RESULTS);
    // The operands of instructions in flight change under them, and so may the count.
    const rows = fields.rowCount === NONE ? fields.rows : i % 2;
    new DataView(bench.memory.buffer, CONTROL).setInt32(0, rows, true);
    const start = Math.max(bench.start(fields), loaderFree);
    bench.idle(fields.rowCount === NONE ? random.int(2) * random.int(60) : 5);
    const phases = matmulPhases(fields, chip, rows);
    starts.push(start);
    const first = Math.max(start + phases.firstPass, arrayFree);
    loaderFree = first + phases.lastPass + 1;
    arrayFree = first + phases.lastPass + phases.occupied;
    ends.push(first + phases.lastPass + phases.drain);
  }
  bench.drain();
  assert.deepEqual(bench.starts, starts);
  assert.deepEqual(bench.retired, ends);
}

const CHIPS = [
  ['int8 × int8, 16 columns', chipOf('mxint8', 'mxint8')],
  ['int8 × fp4, 16 columns', chipOf('mxint8', 'mxfp4')],
  ['fp8 × fp8, 16 columns', chipOf('mxfp8', 'mxfp8')],
  [
    'fp8 × fp4, 32 columns',
    chipOf('mxfp8', 'mxfp4', { columns: 32, pipelineCycles: 20, accumulateCycles: 9 }),
  ],
] as const;

for (const [i, [name, chip]] of CHIPS.entries()) {
  test(`${name}: sums are those of the definition`, () => checkValues(chip, i, thorough() ? 5 : 2));
  test(`${name}: instructions complete when the closed form says`, () =>
    checkCycles(chip, i, thorough() ? 8 : 4));
}
