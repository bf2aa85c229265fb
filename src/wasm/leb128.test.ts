import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { appendSigned, appendUnsigned } from './leb128.ts';

function unsigned(value: number): number[] {
  const out: number[] = [];
  appendUnsigned(out, value);
  return out;
}

function signed(value: bigint): number[] {
  const out: number[] = [];
  appendSigned(out, value);
  return out;
}

/** The value of LEB128 bytes by its definition: the sum of group · 2^(7·position), less the sign. */
function decode(bytes: readonly number[], isSigned: boolean): bigint {
  const sum = bytes.reduce((sum, byte, i) => sum + (BigInt(byte & 0x7f) << BigInt(7 * i)), 0n);
  return isSigned ? BigInt.asIntN(7 * bytes.length, sum) : sum;
}

function assertOneStop(bytes: readonly number[]): void {
  assert.ok(bytes.slice(0, -1).every((byte) => byte >= 0x80));
  assert.ok(bytes.at(-1)! < 0x80);
}

test('the examples of the format are written byte for byte', () => {
  assert.deepEqual(unsigned(624485), [0xe5, 0x8e, 0x26]);
  assert.deepEqual(unsigned(0), [0]);
  assert.deepEqual(unsigned(0xffff_ffff), [0xff, 0xff, 0xff, 0xff, 0x0f]);
  assert.deepEqual(signed(-2n), [0x7e]);
  assert.deepEqual(signed(63n), [0x3f]);
  assert.deepEqual(signed(64n), [0xc0, 0x00]);
  assert.deepEqual(signed(-64n), [0x40]);
  assert.deepEqual(signed(-123456n), [0xc0, 0xbb, 0x78]);
});

test('unsigned integers of every bit length decode to themselves in the fewest bytes', () => {
  for (let bits = 1; bits <= 32; bits++) {
    for (const value of [2 ** bits - 1, 2 ** (bits - 1)]) {
      const bytes = unsigned(value);
      assertOneStop(bytes);
      assert.equal(decode(bytes, false), BigInt(value));
      assert.equal(bytes.length, Math.ceil(bits / 7));
    }
  }
});

test('signed integers of every bit length decode to themselves in the fewest bytes', () => {
  for (let bits = 0; bits <= 63; bits++) {
    const top = 1n << BigInt(bits);
    for (const value of [top - 1n, -top]) {
      const bytes = signed(value);
      assertOneStop(bytes);
      assert.equal(decode(bytes, true), value);
      assert.equal(bytes.length, Math.max(1, Math.ceil((bits + 1) / 7)));
    }
  }
});

test('random integers decode to themselves', () => {
  const random = new Random(1);
  for (let i = 0; i < 2000; i++) {
    const low = random.uint32() >>> (i % 32);
    assert.equal(decode(unsigned(low), false), BigInt(low));
    const value =
      BigInt.asIntN(64, (BigInt(random.uint32()) << 32n) | BigInt(low)) >> BigInt(i % 64);
    assert.equal(decode(signed(value), true), value);
  }
});

test('numbers out of range are refused', () => {
  for (const value of [-1, 2 ** 32, 0.5, Number.NaN]) {
    assert.throws(() => unsigned(value), {
      message: `an unsigned immediate must be an integer in [0, 2^32), not ${value}`,
    });
  }
  for (const value of [2n ** 63n, -(2n ** 63n) - 1n]) {
    assert.throws(() => signed(value), {
      message: `a signed immediate must be in [-2^63, 2^63), not ${value}`,
    });
  }
});
