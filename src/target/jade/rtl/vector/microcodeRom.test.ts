import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { NONE, type Fields } from '../../isa.table.ts';
import type { LoopKind, MicroOp, Piece } from '../../vector/microOps.ts';
import { holds, program, slotCounts, timesOf } from '../../vector/program.ts';
import {
  assemblePrograms,
  assembleRom,
  CONDITIONS,
  INNER_LOOPS,
  OUTER_LOOPS,
  PROGRAM_NAMES,
  WORD_FIELDS,
  type WordField,
} from './microcodeRom.ts';

const LANES = 64;
/** Assembled once. */
const ROM = assembleRom();

function fieldOf(word: bigint, wanted: WordField): number {
  let at = 0n;
  for (const [name, bits] of Object.entries(WORD_FIELDS)) {
    if (name === wanted) return Number((word >> at) & ((1n << BigInt(bits)) - 1n));
    at += BigInt(bits);
  }
  throw new Error(wanted);
}

/** Follows the words as the sequencer does; returns how many there were. */
function walk(name: (typeof PROGRAM_NAMES)[number], fields: Fields): number {
  const { words, entries } = ROM;
  const counts = new Map<LoopKind, number>();
  const goesOn = (kind: string): boolean => {
    if (kind === 'none') return false;
    const loop = kind as LoopKind;
    const next = (counts.get(loop) ?? 0) + 1;
    const more = next < timesOf(loop, program(name), fields, LANES);
    counts.set(loop, more ? next : 0);
    return more;
  };
  let at = entries[name];
  for (let slots = 1; ; slots++) {
    const field = (wanted: WordField): number => fieldOf(words[at]!, wanted);
    const skip = field('skip');
    const condition = CONDITIONS[(skip - 2) >> 1];
    const skips = skip === 1 || (skip > 1 && holds(condition!, fields) === (skip % 2 === 1));
    if (goesOn(INNER_LOOPS[field('innerLoop')]!)) at = field('innerTarget');
    else if (goesOn(OUTER_LOOPS[field('outerLoop')]!)) at = field('outerTarget');
    else if (field('last') === 1) return slots;
    else at = skips ? field('skipTarget') : at + 1;
  }
}

/** Slots of a program, in closed form. */
function slotsOf(name: (typeof PROGRAM_NAMES)[number], fields: Fields): number {
  const { once, windows, fold, columns } = slotCounts(program(name), fields);
  const times = (loop: LoopKind): number => timesOf(loop, program(name), fields, LANES);
  return once + windows * times('windows') + fold * times('fold') + columns * times('columns');
}

test('the words of a program follow each other as its loops and variants say', () => {
  const random = new Random(3);
  for (let trial = 0; trial < 200; trial++) {
    const groups = 1 + random.int(4);
    const fields: Fields = {
      columns: groups * (1 + random.int(90)),
      group: 32 * (1 + random.int(9)),
      groups,
      topGroups: 1 + random.int(groups),
      topK: 1 + random.int(5),
      terms: 1 + random.int(6),
      b: [NONE, 0][random.int(2)]!,
      scoring: random.int(2),
      normalize: random.int(2),
      accumulate: random.int(2),
    };
    for (const name of PROGRAM_NAMES) {
      const what = `${name} ${JSON.stringify(fields)}`;
      assert.equal(walk(name, fields), slotsOf(name, fields), what);
    }
  }
});

const op: MicroOp = { operation: 'move', a: { from: 'acc' }, b: { from: 'acc' } };

function assemble(...body: readonly Piece[]): () => unknown {
  return () => assemblePrograms({ sample: { item: 'row', body } });
}

test('what a word cannot say is an error that names the program', () => {
  const where = 'microcode of sample';
  const one: Piece = { when: 'scaled', is: true, body: [op] };
  const other: Piece = { when: 'grouped', is: true, body: [op] };
  assert.throws(assemble(op, one, other, op), {
    message: 'two conditions must have an operation between them',
    where,
  });
  assert.throws(assemble(op, { loop: 'windows', body: [one, op] }), {
    message: 'a loop must begin with an operation',
    where,
  });
  assert.throws(assemble(op, { loop: 'windows', body: [op, one] }), {
    message: 'a loop must end with an operation on every path',
    where,
  });
});
