import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SEMANTICS, type Semantics } from '../../test/x86/semantics.ts';
import { NativeWorkbench, skip } from '../../test/x86/workbench.ts';
import { f32ToF16, Random } from '../base/index.ts';
import { Assembler } from './assembler.ts';
import { formsOf, type ParsedForm, type Pattern } from './forms.ts';
import { INSTRUCTIONS, type Mnemonic } from './instructions.table.ts';
import { loadLibrary } from './load.node.ts';
import { at, broadcast, GENERAL, half, mask, merging, vector, zeroing } from './operands.ts';
import type { Operand, Vector } from './operands.ts';

const { rcx, rdx, rsi } = GENERAL;
const random = new Random(3);

/** An instruction at work: its operands, and what it makes of vectors in memory. */
interface Case {
  readonly name: string;
  readonly op: Mnemonic;
  readonly form: ParsedForm;
  readonly width: number;
  readonly operands: readonly Operand[];
  readonly semantics: Semantics;
}

/** Bits 0 to 2 choose rounding down and comparison "less" where the immediate means that. */
const IMMEDIATE: Readonly<Partial<Record<Mnemonic, number>>> = {
  vcvtps2ph: 0,
  vpsrlw: 3,
  vpsllw: 3,
};
const immediateOf = (op: Mnemonic): number =>
  IMMEDIATE[op] ?? (/rnd|round|cmp/.test(op) ? 1 : 0x1b);

/** The form with registers, with memory, with one element repeated, and with masks. */
function casesOf(op: Mnemonic): Case[] {
  const semantics = SEMANTICS[op];
  if (!semantics) return [];
  return formsOf(op).flatMap((form, number) =>
    widthsOf(form).flatMap((width) =>
      operandLists(op, form, width).map((operands, i) => ({
        ...{ op, form, width, operands, semantics },
        name: `${op}.${number}.${width}.${i}`,
      })),
    ),
  );
}

function widthsOf(form: ParsedForm): number[] {
  if (form.bits) return [form.bits];
  const least = Math.max(128, ...form.operands.map((pattern) => pattern.least ?? 0));
  return [128, 256, 512].filter((w) => w >= least && (form.scheme === 'EVEX' || w < 512));
}

function operandLists(op: Mnemonic, form: ParsedForm, width: number): Operand[][] {
  const list = (memory: 'none' | 'whole' | 'element'): Operand[] =>
    form.operands.map((pattern, i) => operandOf(op, form, width, pattern, i, memory));
  const takesMemory = form.operands.some((pattern) => pattern.memory);
  const only = form.operands.some(({ register }) => register === undefined);
  const lists = [
    ...(only ? [] : [list('none')]),
    ...(takesMemory ? [list('whole')] : []),
    ...(form.operands.some((pattern) => pattern.broadcast) && form.scheme === 'EVEX'
      ? [list('element')]
      : []),
  ];
  const [destination, ...sources] = lists[0]!;
  const maskable = form.scheme === 'EVEX' && (destination as Vector).kind === 'vector';
  if (!maskable || /mov[bw]|vmovdqu8|vmovdqu16|vperm?w|2ph|bf16|paddw|b$|w$|pd$/.test(op))
    return lists;
  const register = destination as Vector;
  return [
    ...lists,
    [merging(register, mask(1)), ...sources],
    [zeroing(register, mask(1)), ...sources],
  ];
}

function operandOf(
  op: Mnemonic,
  form: ParsedForm,
  width: number,
  pattern: Pattern,
  place: number,
  memory: 'none' | 'whole' | 'element',
): Operand {
  const other = at(rsi, 64 * place);
  if (pattern.memory && memory !== 'none') return memory === 'element' ? broadcast(other) : other;
  switch (pattern.register) {
    case 'immediate':
      return immediateOf(op);
    case 'mask':
      return mask(2);
    case 'general':
      return half(rcx);
    case 'vector': {
      const code = place + (form.scheme === 'EVEX' ? 17 : 1);
      return vector((pattern.bits ?? Math.max(128, width / pattern.part!)) as 128, code);
    }
    default:
      return other;
  }
}

/** Loads all vectors and the mask, runs the instruction, stores the destination. */
function addCase(assembler: Assembler, { name, operands, op }: Case): void {
  assembler.addFunction(name, ['input', 'output', 'lanes'], (f, { input, output, lanes }) => {
    f.emit('mov', rsi, input).emit('mov', rdx, output);
    f.emit('mov', rcx, lanes).emit('kmovw', mask(1), half(rcx));
    f.emit('mov', rcx, at(rsi, 64)); // the general source, which lies where its vector would
    for (const [i, operand] of operands.entries()) {
      if (typeof operand === 'object' && operand.kind === 'vector')
        f.emit('vmovups', vector(512, operand.code), at(rsi, 64 * i));
    }
    f.emit(op, ...operands);
    const [destination] = operands as [Operand];
    if (typeof destination !== 'object') return;
    if (destination.kind === 'vector') f.emit('vmovups', at(rdx), vector(512, destination.code));
    else if (destination.kind === 'mask') {
      f.emit('vpxord', vector(512, 1), vector(512, 1), vector(512, 1));
      f.emit(
        'vpternlogd',
        zeroing(vector(512, 1), destination),
        vector(512, 1),
        vector(512, 1),
        255,
      );
      f.emit('vmovups', at(rdx), vector(512, 1));
    } else f.emit('vmovups', vector(512, 1), at(rsi)).emit('vmovups', at(rdx), vector(512, 1));
  });
}

/** Numbers that stay exact in f32 sums, as eighths; or any bits. */
function randomVector(op: Mnemonic, place: number): Uint8Array {
  const halves = Float32Array.from(
    { length: 32 },
    () => Math.floor(random.float() * 256 - 128) / 8,
  );
  const bytes = Uint8Array.from({ length: 64 }, () => random.uint32());
  if (op === 'vcvtph2ps') return new Uint8Array(f32ToF16(halves).buffer);
  if (op === 'vdpbf16ps' && place > 0) {
    const words = new Uint16Array(new Float32Array(halves).buffer).filter((_, i) => i % 2 === 1);
    return new Uint8Array(words.buffer);
  }
  const floats = /p[sh]|ss|bf16/.test(op) && !/^vp(?!erm[pi])|dq2ps/.test(op);
  if (floats)
    return new Uint8Array(
      halves.slice(0, 16).map((x) => (op === 'vsqrtps' ? Math.abs(x) : x || 1)).buffer,
    );
  return bytes;
}

/** What must be in the destination: 64 bytes. */
function judge(
  { op, form, width, operands, semantics }: Case,
  input: readonly Uint8Array[],
  lanes: number,
): Uint8Array {
  const bytes = width / 8;
  const [destination] = operands as [Operand];
  const sources = operands.flatMap((operand, i) => {
    if (i === 0 || typeof operand === 'number') return [];
    const narrow = form.operands[i]!.bits ?? 0;
    const source = input[i]!.slice(0, Math.max(bytes, narrow / 8));
    const repeats = typeof operand === 'object' && operand.kind === 'memory' && operand.broadcast;
    return [repeats ? source.map((_, j) => source[j & 3]!) : source];
  });
  const stored = form.operands[0]!;
  const size =
    stored.bits && stored.register !== 'mask' ? stored.bits / 8 : bytes / (stored.part ?? 1);
  const before = input[0]!.slice(0, size);
  const isMemory = typeof destination === 'object' && destination.kind === 'memory';
  const result = semantics(sources, immediateOf(op), before, isMemory);
  const out = isMemory ? input[0]!.slice() : new Uint8Array(64);
  out.set(result.subarray(0, size));
  if (typeof destination !== 'object' || destination.kind !== 'vector' || !destination.mask)
    return out;
  for (let lane = 0; lane < size / 4; lane++) {
    if ((lanes >> lane) & 1) continue;
    const kept = destination.zeroing ? new Uint8Array(4) : before.subarray(4 * lane, 4 * lane + 4);
    out.set(kept, 4 * lane);
  }
  return out;
}

test('every form of every vector instruction computes what its definition says', { skip }, (t) => {
  const assembler = new Assembler();
  const cases = (Object.keys(INSTRUCTIONS) as Mnemonic[]).flatMap(casesOf);
  for (const one of cases) addCase(assembler, one);
  const library = loadLibrary(assembler);
  const { levels, bf16 } = library.features;
  if (!levels.includes('avx512')) return t.skip('this processor has no AVX-512 VNNI');
  const runsHere = ({ op, form }: Case): boolean => {
    if (op.includes('bf16')) return bf16;
    return op !== 'vpdpbusd' || form.scheme !== 'VEX' || levels.includes('avxVnni');
  };
  const wrong: string[] = [];
  for (const one of cases.filter(runsHere)) {
    for (let round = 0; round < 2; round++) {
      const input = [0, 1, 2, 3].map((place) => randomVector(one.op, place));
      const lanes = random.uint32() & 0xffff;
      const bench = new NativeWorkbench(library, 1024);
      const places = input.map((bytes) => bench.at(bytes));
      const out = bench.room(64);
      bench.run(one.name, [places[0]!, out, lanes], [out, places[0]!]);
      const required = judge(one, input, lanes);
      if (!Buffer.from(bench.bytes(out)).equals(required))
        wrong.push(
          `${one.name}: ${Buffer.from(bench.bytes(out)).toString('hex')} not ${Buffer.from(required).toString('hex')}`,
        );
    }
  }
  assert.deepEqual(wrong.slice(0, 8), []);
  return undefined;
});

/** Numbers of 64 bits, unsigned. */
type Words = (a: bigint, b: bigint) => bigint;

const GENERAL_SEMANTICS: Readonly<Partial<Record<Mnemonic, Words>>> = {
  mov: (_, b) => b,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  imul: (a, b) => a * b,
  cmovb: (a, b) => (a < b ? b : a),
  cmova: (a, b) => (a > b ? b : a),
  cmovl: (a, b) => (signed(a) < signed(b) ? b : a),
  cmovg: (a, b) => (signed(a) > signed(b) ? b : a),
  bzhi: (a, b) => (b % 256n < 64n ? a & ((1n << (b % 256n)) - 1n) : a),
};

const JUMPS: Readonly<Partial<Record<Mnemonic, (a: bigint, b: bigint) => boolean>>> = {
  jmp: () => true,
  jb: (a, b) => a < b,
  jae: (a, b) => a >= b,
  je: (a, b) => a === b,
  jne: (a, b) => a !== b,
  jbe: (a, b) => a <= b,
  ja: (a, b) => a > b,
  js: (a, b) => signed(BigInt.asUintN(64, a - b)) < 0n,
  jl: (a, b) => signed(a) < signed(b),
  jge: (a, b) => signed(a) >= signed(b),
  jle: (a, b) => signed(a) <= signed(b),
  jg: (a, b) => signed(a) > signed(b),
};

const signed = (word: bigint): bigint => BigInt.asIntN(64, word);

const PAIRS: readonly (readonly [bigint, bigint])[] = [
  [0n, 0n],
  [5n, 7n],
  [7n, 5n],
  [2n ** 64n - 3n, 2n],
  [2n, 2n ** 64n - 3n],
  [2n ** 63n, 2n ** 63n - 1n],
  [0x123456789abcdef0n, 40n],
];

test(
  'general instructions compute what their definition says, and jumps go where they should',
  { skip },
  () => {
    const assembler = new Assembler();
    for (const op of Object.keys(GENERAL_SEMANTICS) as Mnemonic[]) {
      assembler.addFunction(op, ['a', 'b', 'out'], (f, block) => {
        const [a, b, out] = f.load(block.a, block.b, block.out);
        if (op.startsWith('cmov')) f.emit('cmp', a!, b!);
        if (op === 'bzhi') f.emit(op, a!, a!, b!);
        else f.emit(op, a!, b!);
        f.emit('mov', at(out!), a!);
      });
    }
    for (const op of Object.keys(JUMPS) as Mnemonic[]) {
      assembler.addFunction(op, ['a', 'b', 'out'], (f, block) => {
        const [a, b, out] = f.load(block.a, block.b, block.out);
        const end = f.label();
        f.emit('mov', at(out!), 1)
          .emit('cmp', a!, b!)
          .emit(op, end)
          .emit('mov', at(out!), 0)
          .place(end);
      });
    }
    const library = loadLibrary(assembler);
    for (const [a, b] of PAIRS) {
      const bench = new NativeWorkbench(library, 16384);
      const result = (op: string): bigint => {
        const out = bench.room(8);
        bench.run(op, [signed(a), signed(b), out], [out]);
        return new BigUint64Array(bench.bytes(out).buffer)[0]!;
      };
      for (const [op, semantics] of Object.entries(GENERAL_SEMANTICS))
        assert.equal(result(op), BigInt.asUintN(64, semantics(a, b)), `${op} ${a} ${b}`);
      for (const [op, jumps] of Object.entries(JUMPS))
        assert.equal(result(op), jumps(a, b) ? 1n : 0n, `${op} ${a} ${b}`);
    }
  },
);
