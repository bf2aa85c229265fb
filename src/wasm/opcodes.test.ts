import assert from 'node:assert/strict';
import { test } from 'node:test';
import wabt from 'wabt';
import type { FunctionBuilder } from './function.ts';
import type { ImmediateKind } from './immediates.ts';
import { ModuleBuilder } from './module.ts';
import { OPCODES, type ContextualOp, type Instruction, type OpName } from './opcodes.table.ts';
import type { ValueType } from './types.ts';

const { readWasm } = await wabt();

const CONSTANTS: Readonly<Record<ValueType, (f: FunctionBuilder) => void>> = {
  i32: (f) => f.emit('i32.const', -3),
  i64: (f) => f.emit('i64.const', -(2n ** 62n)),
  f32: (f) => f.emit('f32.const', 0.5),
  f64: (f) => f.emit('f64.const', Math.PI),
  v128: (f) => f.emit('v128.const', new Uint8Array(16).fill(7)),
};

/** Immediates to try each kind with, and how wabt prints them. */
const SAMPLES: Readonly<Partial<Record<ImmediateKind, [values: unknown[], text: string]>>> = {
  none: [[], ''],
  i32: [[-3], ' -3'],
  i64: [[-(2n ** 62n)], ' -4611686018427387904'],
  f32: [[0.5], ' 0x1p-1'],
  f64: [[Math.PI], ' 0x1.921fb54442d18p+1'],
  v128: [[new Uint8Array(16).fill(7)], ' i32x4 0x07070707 0x07070707 0x07070707 0x07070707'],
  shuffle: [
    [Array.from({ length: 16 }, (_, i) => 31 - i)],
    ' 31 30 29 28 27 26 25 24 23 22 21 20 19 18 17 16',
  ],
  memory: [[300], ' offset=300'],
  lane: [[1], ' 1'],
  memoryLane: [[1, 300], ' offset=300 1'],
  memoryIndex: [[], ''],
  memoryPair: [[], ''],
};

const CONTEXTUAL_SAMPLES: { readonly [O in ContextualOp]: (f: FunctionBuilder) => void } = {
  unreachable: (f) => f.emit('unreachable'),
  block: (f) => f.block(() => {}),
  loop: (f) => f.loop(() => {}),
  if: (f) => f.i32(1).if(() => {}),
  else: (f) =>
    f
      .i32(1)
      .if(
        () => f.i32(2),
        () => f.i32(3),
        'i32',
      )
      .emit('drop'),
  end: (f) => f.emit('block').emit('end'),
  br: (f) => f.block((label) => f.emit('br', label)),
  br_if: (f) => f.block((label) => f.i32(1).emit('br_if', label)),
  br_table: (f) => f.block((a) => f.block((b) => f.i32(1).emit('br_table', [b, a], a))),
  return: (f) => f.emit('return'),
  call: (f) => f.emit('call', { index: 0, name: 'none', type: { params: [], results: [] } }),
  drop: (f) => f.i32(1).emit('drop'),
  select: (f) => f.i32(1).i32(2).i32(3).emit('select').emit('drop'),
  'local.get': (f) => f.get(f.local('v128', 'x')).emit('drop'),
  'local.set': (f) => f.i32(1).set(f.local('i32', 'x')),
  'local.tee': (f) => f.i32(1).tee(f.local('i32', 'x')).emit('drop'),
};

/** Emits one op with operands before it and drops after it. Returns the text wabt should print. */
function emitSample(f: FunctionBuilder, op: OpName): string {
  const [, signature, kind = 'none']: Instruction = OPCODES[op];
  if (signature === '*') {
    CONTEXTUAL_SAMPLES[op as ContextualOp](f);
    if (kind === 'labels') return `${op} 0 1 1`;
    return ['local', 'label', 'function'].includes(kind) ? `${op} 0` : op;
  }
  const [params, results] = signature.split('->').map((side) => side.split(' ').filter(Boolean));
  const [values, text] = SAMPLES[kind]!;
  for (const type of params!) CONSTANTS[type as ValueType](f);
  (f.emit as (...values: unknown[]) => unknown).call(f, op, ...values);
  for (const _ of results!) f.emit('drop');
  return op + text;
}

// wabt's declarations leave out the features that `validate` takes.
type Validate = (features: { simd: boolean; threads: boolean; relaxed_simd: boolean }) => void;

function disassemble(binary: Uint8Array): string[] {
  const features = { simd: true, threads: true, relaxed_simd: true };
  const module = readWasm(binary, features);
  (module.validate as Validate)(features);
  const text = module.toText({});
  module.destroy();
  // Without comments, and without the parentheses that close the function.
  const words = (line: string): string => line.replace(/\(;.*?;\)|;;.*|\)+$/g, '').trim();
  return text.split('\n').map((line) => words(line).replace(/ +/g, ' '));
}

test('every instruction is valid for wabt and disassembles to its own name and immediates', () => {
  for (const op of Object.keys(OPCODES) as OpName[]) {
    const module = new ModuleBuilder();
    let expected = '';
    module.addMemory({ minPages: 1, maxPages: 1, shared: op.includes('atomic') });
    module.addFunction('sample', { params: {} }, (f) => {
      expected = emitSample(f, op);
    });
    const lines = disassemble(module.encode());
    const found = lines.some((line) => line === expected);
    assert.ok(found, `${expected} is missing in:\n${lines.join('\n')}`);
  }
});

test('no two instructions share an opcode, and relaxed SIMD is products of bytes and multiply-add', () => {
  const opcodes = Object.values(OPCODES).map(([opcode]) => opcode);
  assert.equal(new Set(opcodes).size, opcodes.length);
  const relaxed = Object.keys(OPCODES).filter((op) => op.includes('relaxed'));
  assert.deepEqual(relaxed, [
    'i16x8.relaxed_dot_i8x16_i7x16_s',
    'i32x4.relaxed_dot_i8x16_i7x16_add_s',
    'f32x4.relaxed_madd',
  ]);
});
