/**
 * Cycle numbers derived by hand. The chip is jade-nano: memory 8 B/cycle after 40 cycles, bursts of 32 B,
 * 4 loads in flight; 16 lanes and 12 cycles in the vector pipeline; an array of 16 columns fed with
 * 16 B/cycle, 4 cycles between additions, 8 in its pipeline; banks of 16 KiB.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Chip } from '../../../chip/index.ts';
import nano from '../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { assemble } from '../assemble.ts';
import { createSimulator, type RunOptions, type RunStats } from './simulator.ts';

const WORDS = new Int32Array(16).fill(3);

/** Runs on a chip whose first words are 0, then threes. */
function run(text: string, options: Partial<RunOptions> = {}): RunStats {
  const simulator = createSimulator(nano as Chip, 65_536);
  new Int32Array(simulator.local.buffer).set(WORDS, 1);
  return simulator.run(assemble(text), { maxPosition: 0, collectEvents: true, ...options });
}

/** [start, end] of each instruction's unit, in program order. */
function spans(text: string): (readonly [number, number])[] {
  const events = run(text).events!.toSorted((a, b) => a.index - b.index);
  return events.map(({ start, end }) => [start, end] as const);
}

/** 64 bytes, so 8 beats, into bank `bank`. */
const load = (bank: number): string =>
  `load memory=0 local=${bank * 0x4000 + 0x100} rowBytes=64 rows=1 planes=1 unless=none`;
/** One row of 16, so 1 + 12 cycles, written to bank `bank`. */
const zero = (bank: number): string => `zero d=${bank * 0x4000 + 0x100} rows=1 columns=16`;
const store = (bank: number): string =>
  `store memory=0x100 local=${bank * 0x4000 + 0x100} rowBytes=64 rows=1 planes=1`;

test('a load takes the latency of the memory and its beats', () => {
  const stats = run(load(0));
  assert.equal(stats.cycles, 48);
  assert.equal(stats.memoryBusyCycles, 8);
  assert.equal(stats.bytesLoaded, 64);
});

test('a row takes at least a burst', () => {
  // 2 planes of 3 rows of 4 bytes: 6 bursts of 32 B, 4 beats each.
  assert.equal(run('load memory=0 local=0 rowBytes=4 rows=3 planes=2 unless=none').cycles, 40 + 24);
  // 33 bytes are 5 beats.
  assert.equal(run('load memory=0 local=0 rowBytes=33 rows=1 planes=1 unless=none').cycles, 40 + 5);
});

test('loads overlap their latencies, one issue a cycle, and share the channel in order', () => {
  assert.deepEqual(spans([load(0), load(0), load(1)].join('\n')), [
    [40, 48],
    [48, 56],
    [56, 64],
  ]);
});

test('a load waits while as many as the chip allows are in flight', () => {
  // The fifth issues when the first completes at 48, so its data comes from 88 on.
  const five = Array.from({ length: 5 }, () => load(0)).join('\n');
  assert.deepEqual(spans(five).at(-1), [88, 96]);
  // It could have issued at 4.
  assert.equal(run(five).stallCycles[0]!.outstanding, 44);
});

test('a gather waits for all earlier loads', () => {
  // Issue at 48, data from 88 on, 2 bursts of 4 beats.
  const text = `${load(0)}\ngather memory=0 local=0x4000 rowBytes=16 rows=2 localStride=16 list=0 limit=1`;
  assert.deepEqual(spans(text), [
    [40, 48],
    [88, 96],
  ]);
});

test('a skipped load takes a cycle, but gives its token after the loads before it', () => {
  const skipped = 'load memory=0 local=0x100 rowBytes=64 rows=1 planes=1 unless=0';
  assert.equal(run(skipped).cycles, 1);
  assert.equal(run(skipped).memoryBusyCycles, 0);
  // The second zero waits for the skipped load's token, which must not be mistaken for the first's.
  const text = `${load(0)} ; signal vector\n${skipped} ; signal vector\n${zero(1)} ; wait load\n${zero(1)} ; wait load`;
  assert.deepEqual(spans(text), [
    [40, 48],
    [48, 61],
    [61, 74],
  ]);
});

test('semaphores order queues: load, then vector, then store', () => {
  const text = `${load(0)} ; signal vector\n${zero(1)} ; wait load ; signal store\n${store(1)} ; wait vector`;
  const stats = run(text);
  assert.deepEqual(spans(text), [
    [40, 48],
    [48, 61],
    [61, 69],
  ]);
  assert.equal(stats.cycles, 69);
  assert.deepEqual(stats.busyCycles, [8, 0, 13, 8]);
  assert.equal(stats.memoryBusyCycles, 16);
  assert.equal(stats.stallCycles[2]!.load, 48);
  assert.equal(stats.stallCycles[3]!.vector, 61);
  assert.equal(stats.bytesStored, 64);
});

test('a semaphore counts: two tokens let two instructions go', () => {
  const text = `${zero(0)} ; signal store\n${zero(0)} ; signal store\n${store(1)} ; wait vector\n${store(1)} ; wait vector`;
  assert.deepEqual(spans(text).slice(2), [
    [13, 21],
    [26, 34],
  ]);
});

test('stores and loads take the channel in the order they start', () => {
  // Both start at 0, the load's queue comes first; it has the channel from 40 to 48.
  assert.deepEqual(spans(`${store(1)}\n${load(0)}`), [
    [48, 56],
    [40, 48],
  ]);
});

test('a bank has one write port', () => {
  // The load holds the port of bank 1 until 48.
  assert.deepEqual(spans(`${load(1)}\n${zero(1)}`)[1], [48, 61]);
  assert.equal(run(`${load(1)}\n${zero(1)}`).stallCycles[2]!.port, 48);
  assert.deepEqual(spans(`${load(1)}\n${zero(2)}`)[1], [0, 13]);
});

test('a bank has one read port of its own', () => {
  const copy = (from: number, to: number): string =>
    `copy a=${from * 0x4000} rows=1 inner=1 columns=16 d=${to * 0x4000} dScale=none rowCount=none`;
  // Reading while a load writes is no conflict; two readers are one.
  assert.deepEqual(spans(`${load(1)}\n${copy(1, 2)}`)[1], [0, 13]);
  assert.deepEqual(spans(`${copy(1, 2)}\n${store(1)}`)[1], [13, 21]);
  assert.deepEqual(spans(`${copy(1, 2)}\n${store(3)}`)[1], [0, 8]);
});

test('counts and lists use no port', () => {
  // The count lies in bank 0, which the store reads from 0 to 8.
  const silu = 'silu a=0x4000 rows=1 inner=1 columns=16 d=0x8000 dScale=none rowCount=4';
  assert.deepEqual(spans(`${silu}\n${store(0)}`), [
    [0, 13],
    [0, 8],
  ]);
});

/** M rows by N columns by K = 64, weights in bank 1. */
function matmul(M: number, N: number, format: number, rest = 'rowCount=none'): string {
  return `matmul aData=0x100 aScale=0x100 rows=${M} inner=1 k=64 wData=0x4000 wScale=none wFormat=${format} columns=${N} c=0x20000 rowList=none ${rest}`;
}

test('a product takes a weight load, its passes and the pipeline', () => {
  // mxint8: 32 × 16 B / 16 = 32 cycles for each of 2 blocks, more than 4 rows take.
  assert.deepEqual(spans(matmul(4, 16, 2)), [[32, 32 + 2 * 32]]);
  assert.equal(run(matmul(4, 16, 2)).cycles, 32 + 64 + 8);
  // mxfp4 loads in half the time.
  assert.equal(run(matmul(4, 16, 4)).cycles, 16 + 32 + 8);
  // 40 rows take longer than the load.
  assert.equal(run(matmul(40, 16, 2)).cycles, 32 + 80 + 8);
  // 20 columns: a full tile, and one of 4 that loads in 8.
  assert.equal(run(matmul(4, 20, 2)).cycles, 32 + 2 * (32 + 8) + 8);
  // One column: the load of 2 cycles and one row are shorter than the distance between additions.
  assert.equal(run(matmul(1, 1, 2)).cycles, 2 + 2 * 4 + 8);
  assert.equal(run(matmul(4, 20, 2)).macs, 4 * 20 * 64);
});

test('products follow each other without a gap when weights load in time', () => {
  // The second loads its first block during the last pass of the first, from 64 to 96.
  assert.deepEqual(spans(`${matmul(4, 16, 2)}\n${matmul(4, 16, 2)}`), [
    [32, 96],
    [96, 160],
  ]);
});

test('a product without rows takes one cycle of the array', () => {
  assert.equal(run(matmul(9, 16, 2, 'rowCount=0')).cycles, 1 + 8);
  // The count is 3, not 9: 32 + 2 · 32 + 8 either way, so use a narrow tile: 8 to load, 8 a pass.
  assert.equal(run(matmul(20, 4, 2, 'rowCount=none')).cycles, 8 + 2 * 20 + 8);
  assert.equal(run(matmul(20, 4, 2, 'rowCount=4')).cycles, 8 + 2 * 8 + 8);
});

/** Rows · ⌈columns / 16⌉ · passes + 12: 3 rows of 40 columns are 9 groups. */
const VECTOR: readonly (readonly [string, number])[] = [
  ['copy a=0x4000 d=0x8000 dScale=none rowCount=none', 9],
  ['copy a=0x4000 aFormat=1 d=0x8000 dScale=none rowCount=none', 9],
  ['silu a=0x4000 d=0x8000 dScale=none rowCount=none', 9],
  ['add a=0x4000 b=0x8000 d=0xc000 dScale=none rowCount=none', 18],
  ['mul a=0x4000 b=0x8000 d=0xc000 dScale=none rowCount=none', 18],
  ['swiglu a=0x4000 b=0x8000 d=0xc000 dScale=none rowCount=none', 18],
  ['rms a=0x4000 b=0x8000 d=0xc000 dScale=none', 18],
  ['rope a=0x4000 b=0x8000 d=0xc000 dScale=none', 18],
  ['softmax a=0x4000 b=none d=0xc000 dScale=none', 27],
  ['argmax a=0x4000 d=0xc000', 9],
];

for (const [text, busy] of VECTOR) {
  test(`three rows of 40 columns keep the lanes ${busy} cycles: ${text.split(' ')[0]}`, () => {
    assert.equal(run(`${text} rows=3 inner=1 columns=40`).cycles, busy + 12);
  });
}

test('other vector instructions take', () => {
  assert.equal(run('zero d=0 rows=3 columns=40').cycles, 9 + 12);
  const route = 'route a=0x4000 b=none d=0x8000 rows=3 columns=40 groups=4 topGroups=2 topK=3';
  assert.equal(run(route).cycles, 9 * (4 + 2 + 3) + 12);
  const dispatch = 'dispatch a=0x4000 d=0x8000 list=0x8100 listStride=16 rows=3 columns=40';
  assert.equal(run(dispatch).cycles, 9 + 12);
  const combine = 'combine a=0x4000 d=0x8000 gate=0xc000 list=0x4 rows=9 columns=40';
  assert.equal(run(`${combine} rowCount=4`).cycles, 18 + 12);
});

test('quantising groups larger than the lanes is one more pass', () => {
  const copy = (columns: number, group: number): string =>
    `copy a=0x4000 rows=1 inner=1 columns=${columns} d=0x8000 dScale=0x9000 dFormat=2 group=${group} rowCount=none`;
  assert.equal(run(copy(64, 32)).cycles, 4 * 2 + 12);
  const wide = { ...(nano as Chip), vector: { lanes: 32, pipelineCycles: 12 } };
  const cycles = (group: number): number =>
    createSimulator(wide, 64).run(assemble(copy(64, group)), { maxPosition: 0 }).cycles;
  assert.deepEqual([cycles(32), cycles(64)], [2 + 12, 4 + 12]);
});

test('a row-wise instruction of no rows takes one cycle', () => {
  assert.equal(
    run('silu a=0x4000 rows=3 inner=1 columns=40 d=0x8000 dScale=none rowCount=0').cycles,
    1,
  );
});

test('a deadlock names who waits for whom', () => {
  const text = `${zero(0)} ; wait store ; signal store\n${store(0)} ; wait vector,load ; signal vector`;
  assert.throws(() => run(text), {
    message:
      'a program must not deadlock: vector instruction 0 (zero) waits for store; ' +
      'store instruction 1 (store) waits for load, vector',
  });
});

test('the hazard check finds instructions that overlap in time and bytes', () => {
  const ordered = `${zero(0)} ; signal store\n${store(0)} ; wait vector`;
  assert.equal(run(ordered, { checkHazards: true }).cycles, 21);
  assert.throws(() => run(`${zero(0)}\n${store(0)}`, { checkHazards: true }), {
    message: 'instructions 0 (zero) and 1 (store) touch the same bytes at cycle 0',
  });
});

test('the hazard check finds an instruction that overtakes one it depends on', () => {
  // The store runs first, on bytes that the second zero has yet to write: no overlap in time.
  const text = `${zero(1)}\n${zero(0)}\n${store(0)}`;
  assert.throws(() => run(text, { checkHazards: true }), {
    message: 'instructions 1 (zero) and 2 (store) touch the same bytes at cycle 0',
  });
});

test('the hazard check finds a load that tests a word still on its way', () => {
  const text = `${load(0)}\nload memory=0 local=0x8000 rowBytes=64 rows=1 planes=1 unless=0x104`;
  assert.throws(() => run(text, { checkHazards: true }), {
    message: 'instructions 0 (load) and 1 (load) touch the same bytes at cycle 1',
  });
});

test('an empty program takes no time', () => {
  assert.equal(run('').cycles, 0);
});
