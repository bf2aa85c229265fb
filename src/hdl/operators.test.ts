/** Bits against plain numbers, and the compiled simulator against Bits, on every method of `Logic`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { casesModule, operandName, OPERATOR_CASES } from '../../test/hdl/operatorCases.ts';
import { randomValue } from '../../test/hdl/randomBits.ts';
import { Bits } from './bits.ts';
import { MEANINGS as OPERATORS } from './operators.ts';
import { CycleSimulator } from './simulator.ts';

interface Meaning {
  /** The method as Bits has it; a signed result is read as such. */
  readonly onBits: (a: Bits, b: Bits) => bigint;
  /** The same on the operands as unsigned numbers, their readings as signed ones, and the width. */
  readonly onNumbers: (a: number, b: number, signedA: number, signedB: number, w: number) => number;
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  not: { onBits: (a) => a.not().value, onNumbers: (a, _b, _sa, _sb, w) => 2 ** w - 1 - a },
  and: { onBits: (a, b) => a.and(b).value, onNumbers: (a, b) => a & b },
  or: { onBits: (a, b) => a.or(b).value, onNumbers: (a, b) => a | b },
  xor: { onBits: (a, b) => a.xor(b).value, onNumbers: (a, b) => a ^ b },
  reduceAnd: {
    onBits: (a) => a.reduceAnd().value,
    onNumbers: (a, _b, _sa, _sb, w) => Number(a === 2 ** w - 1),
  },
  reduceOr: { onBits: (a) => a.reduceOr().value, onNumbers: (a) => Number(a > 0) },
  reduceXor: {
    onBits: (a) => a.reduceXor().value,
    onNumbers: (a) => (a ^ (a >> 1) ^ (a >> 2) ^ (a >> 3)) & 1,
  },
  add: {
    onBits: (a, b) => a.add(b).value,
    onNumbers: (a, b, _sa, _sb, w) => (a + b) % 2 ** w,
  },
  sub: {
    onBits: (a, b) => a.sub(b).value,
    onNumbers: (a, b, _sa, _sb, w) => (a - b + 2 ** w) % 2 ** w,
  },
  mulU: { onBits: (a, b) => a.mulU(b).value, onNumbers: (a, b) => a * b },
  mulS: { onBits: (a, b) => a.mulS(b).signed, onNumbers: (_a, _b, sa, sb) => sa * sb },
  eq: { onBits: (a, b) => a.eq(b).value, onNumbers: (a, b) => Number(a === b) },
  ltU: { onBits: (a, b) => a.ltU(b).value, onNumbers: (a, b) => Number(a < b) },
  ltS: { onBits: (a, b) => a.ltS(b).value, onNumbers: (_a, _b, sa, sb) => Number(sa < sb) },
  shl: {
    onBits: (a, b) => a.shl(b).value,
    onNumbers: (a, b, _sa, _sb, w) => (a * 2 ** b) % 2 ** w,
  },
  shr: { onBits: (a, b) => a.shr(b).value, onNumbers: (a, b) => Math.floor(a / 2 ** b) },
  sra: {
    onBits: (a, b) => a.sra(b).signed,
    onNumbers: (_a, b, sa) => Math.floor(sa / 2 ** b),
  },
  concat: {
    onBits: (a, b) => a.concat(b).value,
    onNumbers: (a, b, _sa, _sb, w) => a * 2 ** w + b,
  },
  slice: { onBits: (a) => a.high(1).value, onNumbers: (a, _b, _sa, _sb, w) => a >> (w - 1) },
  mux: { onBits: (a, b) => a.bit(0).mux(a, b).value, onNumbers: (a, b) => (a % 2 ? a : b) },
  signExtend: { onBits: (a) => a.signExtend(9).signed, onNumbers: (_a, _b, sa) => sa },
};

test('every operator has a meaning on numbers below', () => {
  const missing = Object.keys(OPERATORS).filter((name) => !(name in MEANINGS));
  assert.deepEqual(missing, []);
});

for (const [name, { onBits, onNumbers }] of Object.entries(MEANINGS)) {
  test(`${name} on Bits is what it is on numbers, for all operands of up to 4 bits`, () => {
    for (let width = 1; width <= 4; width++) {
      for (let i = 0; i < 4 ** width; i++) {
        const a = new Bits(width, i % 2 ** width);
        const b = new Bits(width, Math.floor(i / 2 ** width));
        const [u, v, su, sv] = [a.value, b.value, a.signed, b.signed].map(Number);
        const expected = BigInt(onNumbers(u, v, su, sv, width));
        assert.equal(onBits(a, b), expected, `${a.describe()}, ${b.describe()}`);
      }
    }
  });
}

for (const [name, make] of Object.entries(OPERATOR_CASES)) {
  test(`${name} in the compiled simulator is what it is on Bits, for widths up to 200`, () => {
    const random = new Random(1);
    const cases = Array.from({ length: 60 }, () => make(random));
    const simulator = new CycleSimulator(casesModule('cases', cases));
    for (let step = 0; step < 40; step++) {
      const operands = cases.map(({ widths }) =>
        widths.map((width) => new Bits(width, randomValue(random, width))),
      );
      const inputs = operands.flatMap((list, k) =>
        list.map(({ value }, i) => [operandName(k, i), value] as const),
      );
      const outputs = simulator.step(Object.fromEntries(inputs));
      for (const [k, { apply }] of cases.entries()) {
        const given = operands[k].map((operand) => operand.describe()).join(', ');
        assert.equal(outputs[`r${k}`], apply(operands[k]).value, given);
      }
    }
  });
}
