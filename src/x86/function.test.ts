import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Assembler } from './assembler.ts';
import { at, GENERAL, half, zmm, ymm, type Label } from './operands.ts';

const { rax, rbx } = GENERAL;

function listingOf(body: Parameters<Assembler['addFunction']>[2]): string[] {
  const assembler = new Assembler();
  assembler.addFunction('f', ['a', 'b'], body as never);
  return assembler
    .assemble()
    .listing()
    .map((line) => line.trim());
}

test('a function loads its arguments, loops and returns', () => {
  const listing = listingOf((f, block) => {
    const [a] = f.load(block['a' as never]);
    f.repeat(a!, () => f.emit('inc', rbx));
  });
  assert.deepEqual(listing, [
    'f:',
    '000000    mov rax, [rdi]',
    '000003    test rax, rax',
    '000006    je f.end1',
    '00000c    align 32',
    'f.repeat0:',
    '000020    inc rbx',
    '000023    dec rax',
    '000026    jne f.repeat0',
    'f.end1:',
    '00002c    ret',
  ]);
});

test("the caller's registers are saved when they are handed out, and vectors end clean", () => {
  const listing = listingOf((f) => {
    for (let i = 0; i < 10; i++) f.general();
    f.emit('vpxord', zmm(0), zmm(0), zmm(0));
  }).map((line) => line.replace(/^\w{6} +/, ''));
  assert.deepEqual(listing.slice(1), [
    ...['push rbx', 'push r12', 'vpxord zmm0, zmm0, zmm0', 'vzeroupper'],
    ...['pop r12', 'pop rbx', 'ret'],
  ]);
});

test('memory of its own lies on the stack, from the start of a cache line', () => {
  const listing = listingOf((f) => {
    f.emit('mov', f.slot(), 1).emit('mov', f.slot(128), 2);
  }).map((line) => line.replace(/^\w{6} +/, ''));
  assert.deepEqual(listing.slice(1), [
    ...['push rbp', 'mov rbp, rsp', 'sub rsp, 192', 'and rsp, -64'],
    ...['mov [rsp], 1', 'mov [rsp + 64], 2', 'lea rsp, [rbp]', 'pop rbp', 'ret'],
  ]);
});

test('registers run out, and come back', () => {
  const assembler = new Assembler();
  const take = (count: number) => () =>
    assembler.addFunction(
      `take${count}`,
      [],
      (f) => f.free(...f.vectors(256, count)).vectors(256, 1),
      'avx2',
    );
  take(16)();
  assert.throws(take(17), {
    message: 'function take17 must get along with the vector registers there are',
  });
});

test('a mistake throws where it is written, with the function', () => {
  const emit = (level: 'avx2' | 'avx512', body: Parameters<Assembler['addFunction']>[2]) => () =>
    new Assembler().addFunction('f', [], body, level);
  assert.throws(
    emit('avx512', (f) => f.emit('mov', rax, half(rax))),
    {
      message: /^function f: mov must have .*, not rax eax$/,
    },
  );
  assert.throws(
    emit('avx2', (f) => f.emit('vpdpbusd', ymm(1), ymm(2), ymm(3))),
    {
      message:
        'function f: an avx2 function must do without AVX-VNNI, not vpdpbusd ymm1, ymm2, ymm3',
    },
  );
});

test('labels must be placed once', () => {
  const assembler = new Assembler();
  const nowhere: Label = { kind: 'label', name: 'nowhere' };
  assembler.addFunction('f', [], (f) => f.emit('lea', rax, at(nowhere)));
  assert.throws(() => assembler.assemble(), { message: 'label nowhere must be placed' });
  assert.throws(() => listingOf((f) => f.place(nowhere).place(nowhere)), {
    message: 'label nowhere must be placed once, not twice',
  });
  assert.throws(() => assembler.addFunction('f', [], () => {}), {
    message: 'a function must be new, not f',
  });
});

test('equal constants are kept once, behind the functions, at multiples of 64', () => {
  const assembler = new Assembler();
  const labels = [1, 2, 1].map((value) => assembler.constant(Uint8Array.of(value)));
  assert.equal(labels[0], labels[2]);
  assembler.addFunction('f', [], () => {});
  const { bytes } = assembler.assemble();
  assert.deepEqual([bytes[0], bytes[64], bytes[128], bytes.length], [0xc3, 1, 2, 129]);
});
