import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hexOf, samples } from '../../test/x86/samples.ts';
import { encode } from './encode.ts';
import { at, GENERAL, half, mask, merging, xmm, ymm, zmm } from './operands.ts';

const { rax, rsp } = GENERAL;

test('every sample of every instruction form has the bytes of the goldens, which GNU as made', () => {
  const golden = readFileSync(join(import.meta.dirname, '../../test/x86/encodings.txt'), 'utf8');
  assert.deepEqual(
    samples().map((sample) => `${hexOf(sample)} ${sample.text}`),
    golden.trimEnd().split('\n'),
  );
});

test('operands that no form takes are refused with what would be right', () => {
  assert.throws(() => encode('vaddps', [zmm(1), ymm(2), zmm(3)]), {
    message: 'vaddps must have v v v/m or v v v/m/b, not zmm1 ymm2 zmm3',
  });
  assert.throws(() => encode('add', [rax, 2 ** 31]), /not rax 2147483648$/);
  assert.throws(() => encode('add', [rax, half(rax)]), /not rax eax$/);
  assert.throws(() => encode('vpermd', [xmm(1), xmm(2), xmm(3)]), /vpermd must have/);
  assert.throws(() => encode('ret', [rax]), { message: 'ret must have nothing, not rax' });
});

test('what the encoding has no place for is refused', () => {
  assert.throws(() => encode('vaddps', [merging(zmm(1), mask(0)), zmm(2), zmm(3)]), {
    message: 'a mask of lanes must be k1 to k7, not k0',
  });
  assert.throws(
    () => encode('mov', [rax, at(rax, 0, rsp)]),
    /an index must be a register other than rsp/,
  );
  assert.throws(() => zmm(32), /a vector register must be 0 to 31, not 32/);
  assert.throws(() => mask(8), /a mask register must be 0 to 7, not 8/);
});
