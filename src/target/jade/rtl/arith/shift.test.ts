import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bits } from '../../../../hdl/index.ts';
import { atLeastZero, leadingZeros, saturate, shiftRightSticky } from './shift.ts';

test('leading zeros are counted at every width, and of zero at least width - 1', () => {
  for (let width = 2; width <= 11; width++) {
    for (let value = 0; value < 2 ** width; value++) {
      const count = Number(leadingZeros(new Bits(width, value)).value);
      if (value === 0) assert.ok(count >= width - 1);
      else assert.equal(count, width - value.toString(2).length, `${value} in ${width} bits`);
    }
  }
});

test('a shift to the right keeps in its lowest bit whether anything was lost, however far', () => {
  for (let value = 0; value < 64; value++) {
    for (let amount = 0; amount < 32; amount++) {
      const shifted = Math.floor(value / 2 ** amount);
      const lost = shifted * 2 ** amount !== value;
      const given = shiftRightSticky(new Bits(6, value), new Bits(5, amount)).value;
      assert.equal(given, BigInt(shifted | Number(lost)), `${value} >> ${amount}`);
    }
  }
});

test('numbers that do not fit become the nearest that does', () => {
  for (let value = 0; value < 64; value++) {
    assert.equal(saturate(new Bits(6, value), 3).value, BigInt(Math.min(value, 7)));
    const signed = new Bits(6, value).signed;
    assert.equal(atLeastZero(new Bits(6, value)).value, signed > 0n ? signed : 0n);
  }
});
