/**
 * Cycle numbers derived by hand. The chip is jade-nano: memory 8 B/cycle after 40 cycles, bursts of 32 B,
 * 4 loads in flight; 32 vector lanes with operations of 2 cycles; an array of 16 columns fed with 64 B a
 * cycle, 6 cycles between additions, 16 in its pipeline; banks of 16 KiB. Instruction i is dispatched in
 * cycle i and can start in cycle i + 2. A transfer that starts in cycle s is commanded in s + 8, so the
 * beats of a load come from s + 48 on, and those of a store leave from s + 9 on.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Chip } from '../../../chip/index.ts';
import nano from '../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { assemble } from '../assemble.ts';
import { createSimulator, type RunOptions, type RunStats } from './simulator.ts';
import { MAX_TOKENS } from './tokens.ts';

/** The control memory, whose first words are 0, then threes. */
const CONTROL = 0x28000;
const WORDS = new Int32Array(16).fill(3);

function run(text: string, options: Partial<RunOptions> = {}): RunStats {
  const simulator = createSimulator(nano as Chip, 65_536);
  new Int32Array(simulator.local.buffer).set(WORDS, CONTROL / 4 + 1);
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
/** Cycles of the vector unit for a window in one slot: 2 for the slot, and 9 before and after. */
const SLOT = 2 + 9;
/** One row of 16, so one slot, written to bank `bank`. */
const zero = (bank: number): string => `zero d=${bank * 0x4000 + 0x100} rows=1 columns=16`;
const store = (bank: number): string =>
  `store memory=0x100 local=${bank * 0x4000 + 0x100} rowBytes=64 rows=1 planes=1`;

test('a load takes the latency of the memory and its beats', () => {
  const stats = run(load(0));
  assert.equal(stats.cycles, 58);
  assert.equal(stats.memoryBusyCycles, 8);
  assert.equal(stats.bytesLoaded, 64);
});

test('a row takes at least a burst', () => {
  // 2 planes of 3 rows of 4 bytes: 6 bursts of 32 B, 4 beats each.
  assert.equal(run('load memory=0 local=0 rowBytes=4 rows=3 planes=2 unless=none').cycles, 50 + 24);
  // 33 bytes are 5 beats.
  assert.equal(run('load memory=0 local=0 rowBytes=33 rows=1 planes=1 unless=none').cycles, 50 + 5);
});

test('loads overlap their latencies, one issue a cycle, and share the channel in order', () => {
  assert.deepEqual(spans([load(0), load(0), load(1)].join('\n')), [
    [50, 58],
    [58, 66],
    [66, 74],
  ]);
});

test('a load waits while as many as the chip allows are in flight', () => {
  // The fifth starts when the first completes at 58, so its data comes from 106 on.
  const five = Array.from({ length: 5 }, () => load(0)).join('\n');
  assert.deepEqual(spans(five).at(-1), [106, 114]);
  // It could have started at 6.
  assert.equal(run(five).stallCycles[0]!.outstanding, 52);
});

test('a gather waits for all earlier loads', () => {
  // Start at 58; commands leave 7 cycles later than a load's, through the list: data from 113 on,
  // 2 bursts of 4 beats.
  const text = `${load(0)}\ngather memory=0 local=0x4000 rowBytes=16 rows=2 localStride=16 list=0x28000 limit=1`;
  assert.deepEqual(spans(text), [
    [50, 58],
    [113, 121],
  ]);
});

test('a skipped load moves nothing, and gives its token after the loads before it', () => {
  const skipped = 'load memory=0 local=0x100 rowBytes=64 rows=1 planes=1 unless=0x28000';
  // Known after 7 cycles, complete 3 later.
  assert.equal(run(skipped).cycles, 12);
  assert.equal(run(skipped).memoryBusyCycles, 0);
  // The second zero waits for the skipped load's token, which must not be mistaken for the first's.
  const text = `${load(0)} ; signal vector\n${skipped} ; signal vector\n${zero(1)} ; wait load\n${zero(1)} ; wait load`;
  assert.deepEqual(spans(text), [
    [50, 58],
    [58, 58 + SLOT],
    [58 + SLOT, 58 + 2 * SLOT],
  ]);
});

test('semaphores order queues: load, then vector, then store', () => {
  const text = `${load(0)} ; signal vector\n${zero(1)} ; wait load ; signal store\n${store(1)} ; wait vector`;
  const stats = run(text);
  assert.deepEqual(spans(text), [
    [50, 58],
    [58, 58 + SLOT],
    [67 + SLOT, 75 + SLOT],
  ]);
  assert.equal(stats.cycles, 75 + SLOT);
  assert.deepEqual(stats.busyCycles, [8, 0, SLOT, 8]);
  assert.equal(stats.memoryBusyCycles, 16);
  assert.equal(stats.stallCycles[2]!.load, 58);
  assert.equal(stats.stallCycles[3]!.vector, 58 + SLOT);
  assert.equal(stats.bytesStored, 64);
});

test('a semaphore counts: two tokens let two instructions go', () => {
  const text = `${zero(0)} ; signal store\n${zero(0)} ; signal store\n${store(1)} ; wait vector\n${store(1)} ; wait vector`;
  assert.deepEqual(spans(text).slice(2), [
    [11 + SLOT, 19 + SLOT],
    [11 + 2 * SLOT + 6, 19 + 2 * SLOT + 6],
  ]);
});

test('stores and loads take the channel in the order they start', () => {
  // The load has the channel from 50 to 58, so the store that starts after it waits for that.
  assert.deepEqual(spans(`${load(0)}\n${store(1)}`), [
    [50, 58],
    [58, 66],
  ]);
  assert.deepEqual(spans(`${store(1)}\n${load(0)}`), [
    [11, 19],
    [51, 59],
  ]);
});

test('a bank has one write port', () => {
  // The load holds the port of bank 1 until 58.
  assert.deepEqual(spans(`${load(1)}\n${zero(1)}`)[1], [58, 58 + SLOT]);
  assert.equal(run(`${load(1)}\n${zero(1)}`).stallCycles[2]!.port, 58);
  assert.deepEqual(spans(`${load(1)}\n${zero(2)}`)[1], [3, 3 + SLOT]);
});

test('a bank has one read port of its own', () => {
  const copy = (from: number, to: number): string =>
    `copy a=${from * 0x4000} rows=1 inner=1 columns=16 d=${to * 0x4000} rowCount=none`;
  // Reading while a load writes is no conflict; two readers are one.
  assert.deepEqual(spans(`${load(1)}\n${copy(1, 2)}`)[1], [3, 3 + SLOT]);
  assert.deepEqual(spans(`${copy(1, 2)}\n${store(1)}`)[1], [11 + SLOT, 19 + SLOT]);
  assert.deepEqual(spans(`${copy(1, 2)}\n${store(3)}`)[1], [12, 20]);
});

test('counts and lists are read without a port, but written through one', () => {
  const silu = 'silu a=0x4000 rows=1 inner=1 columns=16 d=0x8000 rowCount=0x28004';
  const tested = 'load memory=0 local=0x100 rowBytes=64 rows=1 planes=1 unless=0x28004';
  // 21 slots, and 4 cycles to read the count.
  const busy = 9 + 4 + 2 * 21;
  assert.deepEqual(spans(`${silu}\n${tested}`), [
    [2, 2 + busy],
    [51, 59],
  ]);
  const list = 'load memory=0 local=0x28100 rowBytes=64 rows=1 planes=1 unless=none';
  const dispatch = 'dispatch a=0x4000 rows=1 columns=4 d=0x28200 list=0x28300 listStride=4';
  assert.deepEqual(spans(`${list}\n${silu}\n${dispatch}`), [
    [50, 58],
    [3, 3 + busy],
    // An entry for the row and the length, for each of 4 experts, and 5 around them.
    [3 + busy, 3 + busy + 4 * 2 + 5],
  ]);
});

/** M rows by N columns by K = 64, weights in bank 1. */
function matmul(M: number, N: number, format: number, rest = 'rowCount=none'): string {
  const block = format === 4 ? 17 : 33;
  const layout = rest.includes('Stride') ? '' : `wStride=${block} wBlockStride=${block * N}`;
  return `matmul a=0x8000 rows=${M} inner=1 k=64 w=0x4000 wFormat=${format} columns=${N} c=0x20000 cStride=${N * 4} rowList=none ${layout} ${rest}`;
}

test('a product takes a weight load, its passes and the pipeline', () => {
  // mxint8: a block of 33 B a cycle, so 16 for each of 2 passes. The first begins 1 + 16 after the start
  // in 2, the second 17 later; it is 6 long, and its fourth row is complete 3 + 16 after it began.
  assert.deepEqual(spans(matmul(4, 16, 2)), [[19, 36 + 6]]);
  assert.equal(run(matmul(4, 16, 2)).cycles, 36 + 19);
  // mxfp4: three blocks of 17 B a cycle.
  assert.equal(run(matmul(4, 16, 4)).cycles, 2 + 1 + 6 + 7 + 19);
  // 40 rows take longer than the load.
  assert.equal(run(matmul(40, 16, 2)).cycles, 19 + 40 + 39 + 16);
  // 20 columns: a full tile, and one of 4 that is not faster than the 6 between additions.
  assert.equal(run(matmul(4, 20, 2)).cycles, 19 + 17 + 6 + 6 + 19);
  assert.equal(run(matmul(1, 1, 2)).cycles, 2 + 1 + 1 + 6 + 16);
  assert.equal(run(matmul(4, 20, 2)).macs, 4 * 20 * 64);
});

test('weights by row load a block a cycle, transposed ones a tile in 32', () => {
  const byRow = matmul(4, 16, 4, 'wStride=34 wBlockStride=17 rowCount=none');
  assert.equal(run(byRow).cycles, 19 + 17 + 19);
  const transposed = matmul(4, 32, 2, 'wStride=33 wBlockStride=33 transposed=1 rowCount=none');
  assert.equal(run(transposed).cycles, 2 + 1 + 32 + 3 * 33 + 19);
});

test('products follow each other while weights load', () => {
  // The second starts in 37, when the last pass of the first has begun, and loads its first block.
  assert.deepEqual(spans(`${matmul(4, 16, 2)}\n${matmul(4, 16, 2)}`), [
    [19, 42],
    [37 + 17, 37 + 17 + 17 + 6],
  ]);
  // 40 rows leave time for that: no gap.
  assert.deepEqual(spans(`${matmul(40, 16, 2)}\n${matmul(40, 16, 2)}`), [
    [19, 99],
    [99, 179],
  ]);
});

test('a product without rows takes one cycle of the array', () => {
  assert.equal(run(matmul(9, 16, 2, 'rowCount=0x28000')).cycles, 2 + 5 + 16);
  // The count is 3, not 20, and is read in 4 cycles: 4 to load, and passes of 6 instead of 20.
  assert.equal(run(matmul(20, 4, 2, 'rowCount=none')).cycles, 2 + 1 + 4 + 20 + 19 + 16);
  assert.equal(run(matmul(20, 4, 2, 'rowCount=0x28004')).cycles, 2 + 5 + 4 + 6 + 2 + 16);
});

test('a vector instruction takes what its microcode says, with the row count it reads', () => {
  const copy = 'copy a=0x4000 aStride=160 d=0x8000 dStride=160 rows=5 inner=1 columns=40';
  assert.equal(run(`${copy} rowCount=none`).cycles, 2 + 9 + 10);
  // The count is 3, and takes 4 cycles to read: 6 windows, in pairs.
  assert.equal(run(`${copy} rowCount=0x28004`).cycles, 2 + 9 + 4 + 6);
});

test('the dispatcher stops at a full queue, and with it what follows in the program', () => {
  // Each keeps the vector unit 109 cycles: they start at 2, 111, 220, …
  const long = 'zero d=0x4000 dStride=128 rows=100 columns=32';
  const after = (count: number): readonly [number, number] =>
    spans(`${`${long}\n`.repeat(count)}${store(0)}`).at(-1)!;
  // Eight wait in the queue, and the first has left it when the ninth comes.
  assert.deepEqual(after(9), [20, 28]);
  // The tenth is dispatched when the second has started: at 112, and the store at 113.
  assert.deepEqual(after(10), [124, 132]);
  assert.equal(run(`${`${long}\n`.repeat(10)}${store(0)}`).stallCycles[3]!.dispatch, 115);
});

test('a semaphore that overflows is an error', () => {
  const [give] = assemble('zero rows=0 columns=1 d=0 ; signal store');
  const give65536 = Array.from({ length: MAX_TOKENS + 1 }, () => give!);
  const simulator = createSimulator(nano as Chip, 64);
  const options = { maxPosition: 0 };
  simulator.run([...give65536.slice(1), ...assemble(zero(0))], options);
  assert.throws(() => simulator.run([...give65536, ...assemble(zero(0))], options), {
    message: 'a semaphore must hold at most 65535 tokens, not more from vector to store',
    where: `cycle ${2 + 9 * (MAX_TOKENS + 1)}`,
  });
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
  assert.equal(run(ordered, { checkHazards: true }).cycles, 19 + SLOT);
  assert.throws(() => run(`${zero(0)}\n${store(0)}`, { checkHazards: true }), {
    message: 'instructions 0 (zero) and 1 (store) touch the same bytes at cycle 3',
  });
});

test('the hazard check finds an instruction that overtakes one it depends on', () => {
  // The store runs first, on bytes that the second zero has yet to write: no overlap in time.
  const text = `${zero(1)}\n${zero(0)}\n${store(0)}`;
  assert.throws(() => run(text, { checkHazards: true }), {
    message: 'instructions 1 (zero) and 2 (store) touch the same bytes at cycle 4',
  });
});

test('the hazard check finds a load that tests a word still on its way', () => {
  const words = 'load memory=0 local=0x28100 rowBytes=64 rows=1 planes=1 unless=none';
  const text = `${words}\nload memory=0 local=0x8000 rowBytes=64 rows=1 planes=1 unless=0x28104`;
  assert.throws(() => run(text, { checkHazards: true }), {
    message: 'instructions 0 (load) and 1 (load) touch the same bytes at cycle 3',
  });
});

test('an empty program takes no time', () => {
  assert.equal(run('').cycles, 0);
});
