/** The chip is jade-nano: 8 B/cycle of memory after 40 cycles, banks of 16 KiB, control memory at 0x28000. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip } from '../../../chip/index.ts';
import { assemble } from '../assemble.ts';
import type { Instruction } from '../isa.table.ts';
import { dependenciesOf } from './dependencies.ts';
import { orderInstructions } from './orderInstructions.ts';

const NANO = loadChip('jade-nano');

const load = (memory: number, local: number, bytes: number): string =>
  `load memory=${memory} local=${local} rowBytes=${bytes} rows=1 planes=1 unless=none`;
const store = (memory: number, local: number): string =>
  `store memory=${memory} local=${local} rowBytes=64 rows=1 planes=1`;
const zero = (address: number, rows = 1): string =>
  `zero d=${address} dStride=128 rows=${rows} columns=32`;

/** The places that the lines of a program had before they were ordered. */
function orderOf(lines: readonly string[]): number[] {
  const program = assemble(lines.join('\n')).map((instruction, i) => ({
    instruction,
    label: String(i),
  }));
  return orderInstructions(program, NANO, 0).map(({ label }) => Number(label));
}

test('independent loads go past one that waits for a store, and that past those not yet wanted', () => {
  const weights = [1, 2, 3, 4].map((i) => load(0x8000, 0x4000 + i * 0x800, 0x800));
  const order = orderOf([zero(0x1000), store(0x100, 0x1000), load(0x100, 0x2000, 64), ...weights]);
  const place = (line: number): number => order.indexOf(line);
  assert.ok(place(3) < place(2), 'the channel works while the store is on its way');
  assert.ok(place(2) < place(6), 'what is ready goes before what the channel can wait for');
});

test('a load comes after what uses the bytes it overwrites', () => {
  const lines = [
    load(0, 0x4000, 0x800),
    zero(0x4000, 16), // uses the bytes
    load(0x8000, 0x4000, 0x800),
  ];
  const order = orderOf(lines);
  assert.ok(order.indexOf(1) < order.indexOf(2));
});

test('no load slips in before a gather whose list is on its way', () => {
  const list = 'gather memory=0x100 local=0x1000 rowBytes=64 rows=1 list=0x28000 limit=4';
  const weights = [1, 2, 3].map((i) => load(0x8000, 0x4000 + i * 0x800, 0x800));
  const order = orderOf([load(0, 0x28000, 64), list, ...weights]);
  assert.deepEqual(order.slice(0, 2), [0, 1]);
});

test('an instruction depends on the latest of each other stream that touches its bytes', () => {
  const lines = [zero(0x1000), zero(0x1000), load(0, 0x1000, 64), store(0x100, 0x1000)];
  const program: readonly Instruction[] = assemble(lines.join('\n'));
  const found = dependenciesOf(program, [2, 2, 0, 3], 4, 0);
  assert.deepEqual(found, [[], [], [1], [2, 1]]);
});
