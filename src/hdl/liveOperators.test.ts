// What is left of operators without the bits that synthesis leaves out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inventory } from './inventory.ts';
import { defineModule } from './module.ts';
import { constant, type Module, type Signal } from './signal.ts';

type Build = (a: Signal, b: Signal, index: Signal) => Signal;

/** Operators of what `build` makes of two inputs of 8 bits and an index of 3. */
function operatorsOf(build: Build): string[] {
  const { width } = build(constant(8, 0), constant(8, 0), constant(3, 0));
  const module = defineModule({
    name: 'probe',
    inputs: { a: 8, b: 8, index: 3 },
    outputs: { result: width },
    body: ({ a, b, index }) => ({ result: build(a, b, index) }),
  });
  const { operators } = inventory(module as Module).own;
  return operators.map(({ operator, widths, count }) => `${count} ${operator} ${widths.join('x')}`);
}

test('bits that nothing uses are no hardware', () => {
  assert.deepEqual(
    operatorsOf((a, b) => a.and(b).low(3)),
    ['1 and 3'],
  );
  assert.deepEqual(
    operatorsOf((a, b) => a.xor(b).high(2).concat(a.xor(b).low(1))),
    ['1 xor 1', '1 xor 2'],
  );
});

test('a fixed operand leaves nothing of a gate, half of a sum, and the bits of a comparison', () => {
  assert.deepEqual(
    operatorsOf((a) => a.and(0x0f)),
    [],
  );
  assert.deepEqual(
    operatorsOf((a) => a.add(1)),
    ['1 add 4'],
  );
  assert.deepEqual(
    operatorsOf((a) => a.eq(5)),
    ['1 reduceAnd 8'],
  );
  assert.deepEqual(
    operatorsOf((a, b) => a.zeroExtend(16).add(b.zeroExtend(16))),
    ['1 add 8'],
  );
});

test('what an operator fixes is fixed behind it', () => {
  assert.deepEqual(
    operatorsOf((a, b) => a.and(0x0f).xor(b)),
    ['1 xor 4'],
  );
  assert.deepEqual(
    operatorsOf((a, b) => a.or(0xf0).and(b)),
    ['1 and 4'],
  );
  assert.deepEqual(
    operatorsOf((a, b) => a.and(0).not().and(b)),
    [],
  );
});

test('a shift has a stage for each bit of its amount that can differ', () => {
  // 8 bits by 1 and 2 and 4, each stage with as many half choices as zeros move in.
  assert.deepEqual(
    operatorsOf((a, _, index) => a.shr(index)),
    [`1 shr ${8 + 8 + 8 - 3}x1`],
  );
  // By a multiple of four: one stage.
  assert.deepEqual(
    operatorsOf((a, _, index) => a.shr(index.low(1).concat(constant(2, 0)))),
    ['1 shr 6x1'],
  );
  // All that is moved is needed for one bit.
  assert.deepEqual(
    operatorsOf((a, _, index) => a.shr(index).low(1)),
    [`1 shr ${4 + 2 + 1}x1`],
  );
  assert.deepEqual(
    operatorsOf((a, _, index) => a.shl(index).high(1)),
    [`1 shl ${4 + 2 + 1}x1`],
  );
});

test('equal branches of a choice are one, and what the index alone decides costs nothing', () => {
  const table = (words: readonly number[]) => (_a: Signal, _b: Signal, index: Signal) =>
    index.choose(words.map((word) => constant(8, word)));
  assert.deepEqual(
    operatorsOf((a, b, index) => index.choose([a, b, a.not(), b.not(), a, b, a, b])),
    ['1 mux 2x32', '2 not 8'],
  );
  assert.deepEqual(operatorsOf(table([3, 3, 3, 3, 3, 3, 3, 3])), []);
  // The lowest bit of the index; then the exclusive or of two of its bits, of which one is a choice.
  assert.deepEqual(operatorsOf(table([0, 1, 0, 1, 0, 1, 0, 1])), []);
  assert.deepEqual(operatorsOf(table([0, 1, 1, 0, 0, 1, 1, 0])), ['1 mux 2x1']);
  // Bits with the same values are one.
  assert.deepEqual(operatorsOf(table([0, 255, 255, 0, 0, 255, 255, 0])), ['1 mux 2x1']);
  assert.deepEqual(
    operatorsOf((a, b, index) => index.choose([a, b])),
    ['1 mux 2x8'],
  );
});
