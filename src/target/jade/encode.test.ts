import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, Random } from '../../base/index.ts';
import type { Chip } from '../../chip/index.ts';
import nano from '../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { assemble } from './assemble.ts';
import { disassemble } from './disassemble.ts';
import { decode, encode as encodeFor, INSTRUCTION_BYTES, RULES } from './encode.ts';
import { NONE, READ_BANKS_WORD, type FieldKind, type Instruction } from './isa.table.ts';

/** For a chip with 8 banks of 16 KiB, 2 of accumulators and the control memory. */
const encode = (program: readonly Instruction[]): Uint8Array => encodeFor(program, nano as Chip);

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

function randomF32(random: Random): number {
  word[0] = random.uint32();
  return Number.isNaN(float[0]) ? -0 : float[0]!;
}

function randomValue(random: Random, kind: FieldKind): number {
  if (random.int(4) === 0) return 0;
  if (kind === 'f32') return randomF32(random);
  if (kind === 'memory') return random.int(2 ** 21) * 2 ** 32 + random.uint32();
  if (random.int(4) === 0) return NONE;
  return random.uint32() >>> random.int(32);
}

/** Any field values, in programs of every opcode. */
function randomProgram(seed: number): Instruction[] {
  const random = new Random(seed);
  return RULES.map(([op, { fields }]) => ({
    op,
    fields: Object.fromEntries(fields.map(({ name, kind }) => [name, randomValue(random, kind)])),
    wait: random.int(16),
    signal: random.int(16),
  }));
}

/** A complete instruction to spoil. */
function zeroRows(): Instruction {
  return { op: 'zero', fields: { d: 64, dStride: 256, rows: 2, columns: 64 }, wait: 0, signal: 8 };
}

function withField(name: string, value: number): Instruction[] {
  const instruction = zeroRows();
  return [zeroRows(), { ...instruction, fields: { ...instruction.fields, [name]: value } }];
}

function failure(run: () => unknown): {
  message: string;
  where: string | undefined;
  hint: string | undefined;
} {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof FormatError);
    const { message, where, hint } = error;
    return { message, where, hint };
  }
  throw new Error('it must fail');
}

test('every opcode is unique and every instruction fits before the bank masks', () => {
  assert.equal(new Set(RULES.map(([, { opcode }]) => opcode)).size, RULES.length);
  for (const [op, { fields }] of RULES) {
    const words = fields.reduce((sum, { kind }) => sum + (kind === 'memory' ? 2 : 1), 1);
    assert.ok(words <= READ_BANKS_WORD, op);
  }
});

test('decoding an encoded program gives the program back', () => {
  for (let seed = 0; seed < 100; seed++) {
    const program = randomProgram(seed);
    const bytes = encode(program);
    assert.equal(bytes.length, program.length * INSTRUCTION_BYTES);
    assert.deepEqual(decode(bytes), program);
  }
});

test('assembling the disassembly gives the program back', () => {
  for (let seed = 100; seed < 200; seed++) {
    const program = randomProgram(seed);
    assert.deepEqual(assemble(disassemble(program)), program);
  }
});

test('word 0 holds opcode and masks, fields follow in table order, memory takes two words', () => {
  const [program] = [
    assemble(
      'load memory=0x500000010 local=0x20 rowBytes=64 rows=1 planes=1 unless=none ; wait vector ; signal matrix,store',
    ),
  ];
  const words = new Uint32Array(encode(program!).buffer);
  assert.equal(words[0], 0x01 | (0b0100 << 8) | (0b1010 << 12));
  assert.deepEqual([...words.slice(1, 6)], [0x10, 5, 0x20, 64, 1]);
  assert.equal(words[15], NONE);
  assert.deepEqual([...words.slice(16, 20)], Array(4).fill(0));
});

/** [read, write] as encoded. */
function bankMasks(text: string): (readonly [bigint, bigint])[] {
  const bytes = encode(assemble(text));
  return Array.from({ length: bytes.length / INSTRUCTION_BYTES }, (_, i) => {
    const view = new DataView(bytes.buffer, i * INSTRUCTION_BYTES + 80);
    return [view.getBigUint64(0, true), view.getBigUint64(8, true)] as const;
  });
}

test('words 20 to 23 say which banks are read and written; counts are read without a port', () => {
  const text = `
    copy a=0x3ffc rows=2 inner=1 aStride=0x8000 columns=2 d=0x20000 rowCount=0x28000
    dispatch a=0x24000 rows=1 columns=4 d=0x28000 list=0x28010
    load local=0x28000 rowBytes=4 rows=1 planes=1 unless=0x28004
    store local=0x1c000 rowBytes=4 rows=1 planes=1
  `;
  // Banks 0 to 7 are the scratchpad's, 8 and 9 the accumulators', 10 is the control memory.
  assert.deepEqual(bankMasks(text), [
    [0b1111n, 1n << 8n],
    [1n << 9n, 1n << 10n],
    [0n, 1n << 10n],
    [1n << 7n, 0n],
  ]);
});

test('a product holds the read port of its sums when it adds to them or has several blocks', () => {
  const read = (k: number, accumulate: number): bigint =>
    bankMasks(
      `matmul a=0 rows=1 inner=1 k=${k} w=0x4000 wStride=17 wBlockStride=17 wFormat=4 columns=1 c=0x20000 accumulate=${accumulate} rowCount=none rowList=none`,
    )[0]![0];
  assert.deepEqual(
    [read(32, 0), read(32, 1), read(64, 0)],
    [0b11n, 0b1_0000_0011n, 0b1_0000_0011n],
  );
});

test('the text form reads well', () => {
  assert.equal(
    disassemble([zeroRows()]),
    'zero d=0x40 dStride=256 rows=2 columns=64 ; signal store\n',
  );
  const text = `
    # clears the sums
    zero d=64 dStride=0x100 rows=2 columns=64;signal store   # then they are stored
  `;
  assert.deepEqual(assemble(text), [zeroRows()]);
});

test('a program that is cut off is refused', () => {
  assert.deepEqual(
    failure(() => decode(encode([zeroRows(), zeroRows()]).subarray(0, 100))),
    {
      message: 'a program must be whole instructions of 96 bytes, not 100 bytes',
      where: 'byte 96',
      hint: undefined,
    },
  );
});

test('bytes that are no instruction are refused', () => {
  const bytes = encode([zeroRows(), zeroRows()]);
  bytes[INSTRUCTION_BYTES] = 0xee;
  assert.deepEqual(
    failure(() => decode(bytes)),
    {
      message: 'an opcode must be in the table, not 0xee',
      where: 'instruction 1',
      hint: undefined,
    },
  );
  bytes[INSTRUCTION_BYTES] = 0x2c;
  bytes[INSTRUCTION_BYTES + 4 * 19] = 1;
  assert.equal(failure(() => decode(bytes)).message, 'unused bits must be zero');
  bytes[INSTRUCTION_BYTES + 4 * 19] = 0;
  bytes[INSTRUCTION_BYTES + 2] = 1;
  assert.equal(failure(() => decode(bytes)).message, 'unused bits must be zero');
});

test('programs are decoded from any place in a buffer', () => {
  const bytes = encode([zeroRows()]);
  const longer = new Uint8Array(bytes.length + 7);
  longer.set(bytes, 7);
  assert.deepEqual(decode(longer.subarray(7)), [zeroRows()]);
});

test('encoding says which field of which instruction is wrong', () => {
  assert.deepEqual(
    failure(() => encode(withField('rows', -1))),
    {
      message: 'zero rows must be an integer from 0 to 2^32 - 1, not -1',
      where: 'instruction 1',
      hint: undefined,
    },
  );
  assert.equal(
    failure(() => encode(withField('d', 2 ** 32))).message,
    'zero d must be an integer from 0 to 2^32 - 1, not 4294967296',
  );
  assert.equal(
    failure(() => encode(withField('rows', 1.5))).message,
    'zero rows must be an integer from 0 to 2^32 - 1, not 1.5',
  );
  assert.deepEqual(
    failure(() => encode(withField('colums', 1))),
    {
      message: 'zero must have only its own fields, not colums',
      where: 'instruction 1',
      hint: 'its fields are d, dStride, rows, columns',
    },
  );
  const short = { ...zeroRows(), fields: { d: 0, rows: 1 } };
  assert.equal(
    failure(() => encode([short])).message,
    'zero must have all its fields, not lack dStride, columns',
  );
  assert.equal(
    failure(() => encode([{ ...zeroRows(), wait: 16 }])).message,
    'the wait mask must be an integer from 0 to 15, not 16',
  );
});

test('an f32 field must be a number that f32 holds', () => {
  const rms = assemble('rms epsilon=0.5')[0]!;
  const spoiled = { ...rms, fields: { ...rms.fields, epsilon: 1e-6 } };
  assert.equal(
    failure(() => encode([spoiled])).message,
    'rms epsilon must be a number exact in f32, not 0.000001',
  );
  assert.equal(decode(encode([rms]))[0]!.fields['epsilon'], 0.5);
});

test('assembling says what is wrong in which line', () => {
  const wrong: readonly (readonly [string, string])[] = [
    ['nop', 'an opcode must be in the table, not nop'],
    ['zero rows', 'a field must be name=value, not rows'],
    ['zero rows=x', 'rows must be a number or none, not x'],
    ['zero rows=1 rows=2', 'rows must be given once'],
    ['zero k=1', 'zero must have only its own fields, not k'],
    ['zero rows=-3', 'zero rows must be an integer from 0 to 2^32 - 1, not -3'],
    ['zero ; waits load', 'a clause must be "wait QUEUE,…" or "signal QUEUE,…", not "waits load"'],
    ['zero ; wait dma', 'a queue must be one of load, matrix, vector, store, not dma'],
  ];
  for (const [line, message] of wrong) {
    const { message: actual, where } = failure(() => assemble(`zero rows=1\n\n${line}`));
    assert.deepEqual([actual, where], [message, 'line 3']);
  }
});
