import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PANEL_NAMES, randomStored } from '../../../../test/panels.ts';
import { assertClose, normal } from '../../../../test/workbench.ts';
import { LEVELS } from '../../../../test/x86/levels.ts';
import { Random } from '../../../base/index.ts';
import type { WasmMemory } from '../../../wasm/index.ts';
import { Assembler, loadLibrary, type Level } from '../../../x86/index.ts';
import { bindKernels, type Bind } from '../kernels/bind.ts';
import { instantiateKernels } from '../kernels/kernelModule.ts';
import { createKernelMemory } from '../kernels/memories.ts';
import { KERNELS, type KernelName } from '../kernels/kernels.table.ts';
import { packPanels } from '../panels/packPanels.ts';
import { PANEL_FORMATS, type IntegerFormatName } from '../panels/panelFormats.table.ts';
import { panelBytes } from '../panels/panelLayout.ts';
import { chooseEmitter, machineCode } from './machineCode.ts';
import { Machine } from './machine.ts';
import { withMachineCode } from './nativeKernels.ts';

const { level: best, reason = 'this processor has no AVX-512 VNNI' } = chooseEmitter('auto');
const skip = best === 'avx512' ? false : reason;
const ELEMENTS = 65536 / 4;

/** Whether code of a level runs here. */
function runs(level: Level): boolean {
  return loadLibrary(new Assembler()).features.levels.includes(level);
}

type Args<K extends KernelName> = Readonly<Record<keyof (typeof KERNELS)[K], number>>;

/** A memory full of numbers. */
function makeMemory(shared = false): WasmMemory {
  const memory = createKernelMemory(shared);
  new Float32Array(memory.buffer).set(normal(ELEMENTS));
  return memory;
}

function inOrder<K extends KernelName>(kernel: K, args: Args<K>): number[] {
  return Object.keys(KERNELS[kernel]).map((name) => (args as Record<string, number>)[name]!);
}

/** What both emitters leave in memories that were equal. */
function runBoth<K extends KernelName>(
  kernel: K,
  args: Args<K>,
  prepare: (memory: WasmMemory) => void = () => {},
  level: Level = 'avx512',
): [Float32Array, Float32Array] {
  const [wasm, native] = [makeMemory(), makeMemory(true)];
  prepare(wasm);
  new Uint8Array(native.buffer).set(new Uint8Array(wasm.buffer));
  for (const memory of [wasm, native]) new Int32Array(memory.buffer, 64, 2).set([3, 0]);
  const values = inOrder(kernel, args);
  bindKernels(instantiateKernels(wasm))(kernel, values).run();
  const bind = bindKernels(instantiateKernels(native, true));
  withMachineCode(bind, new Machine([native], machineCode(level)))(kernel, values).run();
  return [new Float32Array(wasm.buffer), new Float32Array(native.buffer)];
}

const LINEAR: Args<'linear'> = {
  ...{ x: 1024, xStride: 40, w: 4096, wStride: 36, out: 16384, outStride: 20 },
  ...{ M: 7, N: 9, K: 33 },
};

const QUANTIZE: Args<'quantizeRows'> = { x: 1024, xStride: 100, out: 16384, rows: 5, K: 96 };

const SWIGLU: Args<'swiglu'> = { gate: 1024, up: 4096, out: 16384, size: 70, limit: 1.5 };

const PANELS: Args<'linearPanels'> = {
  ...{ x: 16384, xStride: 96, w: 20480, out: 45056, outStride: 40 },
  ...{ M: 5, N: 37, K: 256, format: 1 },
};

const ROTARY: Args<'rotaryEmbedding'> = {
  ...{
    x: 1024,
    cos: 8192,
    sin: 12288,
    out: 16384,
    rows: 3,
    H: 2,
    pairs: 32,
    step: 1,
    distance: 32,
  },
};

/** Rows of experts 0 and 2 of three, of which the last are two. */
const GROUPED: Args<'groupedLinearPanels'> = {
  ...{ x: 16384, xStride: 96, starts: 1024, w: 20480, matrixBytes: 9216, out: 49152 },
  ...{ outStride: 40, rows: 7, E: 3, N: 20, K: 256, format: 1 },
};
const GROUPED_LINEAR: Args<'groupedLinear'> = {
  ...{ x: 16384, starts: 1024, w: 20480, matrixBytes: 4000, out: 49152, outStride: 40 },
  ...{ rows: 7, E: 3, N: 9, K: 33 },
};

/** Which rows are whose, and rows in 8 bits and weights of the format for each expert. */
function putGroups(memory: WasmMemory, name: IntegerFormatName): void {
  const { rows, E, N, K, x, w } = GROUPED;
  const quantize = { x: 4096, xStride: K, out: x, rows, K };
  bindKernels(instantiateKernels(memory))('quantizeRows', inOrder('quantizeRows', quantize)).run();
  for (let e = 0; e < E; e++) {
    const at = w + e * GROUPED.matrixBytes;
    const panels = new Uint8Array(memory.buffer, at, panelBytes(name, N, K)).fill(0);
    packPanels(name, randomStored(name, new Random(e), N, K), N, K, panels);
  }
  putStarts(memory);
}

function putStarts(memory: WasmMemory): void {
  new Int32Array(memory.buffer, GROUPED.starts, 4).set([0, 5, 5, 7]);
}

/** Rows in 8 bits, and weights of the format. */
function putPanels(memory: WasmMemory, name: IntegerFormatName): void {
  const { M, N, K, x, w } = PANELS;
  const rows = { x: 4096, xStride: K, out: x, rows: M, K };
  bindKernels(instantiateKernels(memory))('quantizeRows', inOrder('quantizeRows', rows)).run();
  const panels = new Uint8Array(memory.buffer, w, panelBytes(name, N, K)).fill(0);
  packPanels(name, randomStored(name, new Random(7), N, K), N, K, panels);
}

const DELTA: Args<'gatedDelta'> = {
  ...{ state: 4096, q: 20480, k: 24576, v: 28672, decay: 36864, beta: 40960, positions: 64 },
  ...{ out: 45056, B: 2, T: 3, G: 1, H: 2, K: 5, V: 80, first: 1, heads: 1, scale: 0.25 },
};

/** Channels 16 to 47 of 50. */
const CONVOLUTION: Args<'causalConvolution'> = {
  ...{ state: 4096 + 64, x: 8192 + 64, w: 12288, positions: 64, rows: 57344, out: 16384 + 64 },
  ...{ B: 2, T: 5, C: 50, W: 4, dilation: 1, channels: 32 },
};

const ACTIVATION: Args<'silu'> = { x: 1024, out: 16384, size: 96 };

const ATTENTION: Args<'attention'> = {
  ...{ q: 1024, qStep: 128, keys: 4096, keyStep: 64, values: 16384, valueStep: 32, positions: 64 },
  ...{ first: 1, scores: 32768, scoreStride: 16, out: 40960, outStep: 64 },
  ...{ B: 2, T: 3, G: 2, shared: 2, capacity: 12, keyWidth: 32, valueStride: 16, valueWidth: 16 },
  ...{ tileTokens: 1, scale: 0.25 },
};

const ADD: Args<'add'> = { a: 1024, b: 4096, out: 16384, size: 70 };
/** Behind three rows, and behind none. */
const APPEND: Args<'append'> = {
  ...{ x: 1024, positions: 64, state: 16384, B: 2, T: 3, capacity: 9, size: 32 },
};
const NORM: Args<'rmsNormalization'> = {
  ...{ x: 1024, w: 8192, out: 16384, rows: 3, D: 80, epsilon: 1e-6 },
};
const ARG_MAX: Args<'argMax'> = { x: 1024, out: 16384, rows: 4, size: 48 };

test(
  'machine code gives what WebAssembly gives, at the places where that puts it',
  { skip },
  () => {
    for (const [required, given] of [runBoth('linear', LINEAR), runBoth('swiglu', SWIGLU)]) {
      // Elementwise kernels may write more, up to a multiple of 64 bytes.
      const end = SWIGLU.out / 4 + SWIGLU.size;
      assertClose(given.subarray(0, end), required.subarray(0, end), 2e-6);
      assertClose(given.subarray(end + 10), required.subarray(end + 10), 2e-6);
    }
    for (const T of [3, 1]) {
      const [required, given] = runBoth('attention', { ...ATTENTION, T });
      // WebAssembly leaves its scores in the room that it has for them.
      assertClose(given.subarray(0, 8192), required.subarray(0, 8192), 2e-6);
      assertClose(given.subarray(10240), required.subarray(10240), 2e-6);
    }
  },
);

test(
  'rows in 8 bits, and products of panels with them, have the bits of WebAssembly',
  { skip },
  () => {
    for (const level of LEVELS.filter(runs)) {
      const [wasm, native] = runBoth('quantizeRows', QUANTIZE, () => {}, level);
      assert.deepEqual(native, wasm, level);
      for (const name of PANEL_NAMES) {
        const args = { ...PANELS, format: PANEL_FORMATS[name].code };
        const prepare = (memory: WasmMemory): void => putPanels(memory, name);
        const [required, given] = runBoth('linearPanels', args, prepare, level);
        assert.deepEqual(given, required, `${level}: ${name}`);
      }
    }
  },
);

test('recurrences have the bits of WebAssembly, from zeros and from a state', { skip }, () => {
  for (const T of [1, 2, 5]) {
    const [required, given] = runBoth('causalConvolution', { ...CONVOLUTION, T });
    // WebAssembly leaves rows in the room that it has for them.
    const end = CONVOLUTION.rows / 4;
    assert.deepEqual(given.subarray(0, end), required.subarray(0, end));
    const [rule, native] = runBoth('gatedDelta', { ...DELTA, T });
    assert.deepEqual(native, rule);
  }
});

test('sigmoid and silu have the bits of WebAssembly, at their bounds too', { skip }, () => {
  const put = (memory: WasmMemory): void =>
    new Float32Array(memory.buffer, ACTIVATION.x, 12).set([
      ...[0, -0, 87.4, -87.4, 88.8, -88.8, 1e30, -1e30, Infinity, -Infinity, 1e-40, -1e-40],
    ]);
  for (const name of ['silu', 'sigmoid'] as const) {
    const [required, given] = runBoth(name, ACTIVATION, put);
    assert.deepEqual(given, required);
  }
});

test('angles have the bits of WebAssembly, of halves and of neighbours', { skip }, () => {
  for (const args of [
    ROTARY,
    { ...ROTARY, step: 2, distance: 1 },
    { ...ROTARY, pairs: 8, distance: 8 },
  ]) {
    const [required, given] = runBoth('rotaryEmbedding', args);
    assert.deepEqual(given, required);
  }
});

test('products of groups have the bits of WebAssembly, or its numbers in f32', { skip }, () => {
  for (const level of LEVELS.filter(runs)) {
    for (const name of PANEL_NAMES) {
      const args = { ...GROUPED, format: PANEL_FORMATS[name].code };
      const prepare = (memory: WasmMemory): void => putGroups(memory, name);
      const [required, given] = runBoth('groupedLinearPanels', args, prepare, level);
      assert.deepEqual(given, required, `${level}: ${name}`);
    }
  }
  const [required, given] = runBoth('groupedLinear', GROUPED_LINEAR, putStarts);
  assertClose(given, required, 2e-6);
});

test('starts of groups that are not within the rows end the product', { skip }, () => {
  for (const starts of [
    [0, 8, 9, 9],
    [0, -1, 3, 7],
    [0, 5, 4, 2 ** 31 - 1],
  ]) {
    const memory = makeMemory();
    putGroups(memory, 'Q8_0');
    new Int32Array(memory.buffer, GROUPED.starts, 4).set(starts);
    const end = GROUPED.out + 4 * (6 * GROUPED.outStride + GROUPED.N);
    const before = new Uint8Array(memory.buffer.slice(end, memory.buffer.byteLength));
    const bind = withMachineCode(() => assert.fail(), new Machine([memory], machineCode('avx512')));
    bind('groupedLinearPanels', inOrder('groupedLinearPanels', GROUPED)).run();
    assert.deepEqual(new Uint8Array(memory.buffer.slice(end, memory.buffer.byteLength)), before);
  }
});

test(
  'sums of two and the largest of rows have the bits of WebAssembly, norms nearly',
  { skip },
  () => {
    const [sums, ownSums] = runBoth('add', ADD);
    // Machine code may write more, up to a multiple of 64 bytes.
    const end = ADD.out / 4 + ADD.size;
    assert.deepEqual(ownSums.subarray(0, end), sums.subarray(0, end));
    const [norms, ownNorms] = runBoth('rmsNormalization', NORM);
    assertClose(ownNorms, norms, 2e-6);
    const put = (memory: WasmMemory): void => {
      const rows = new Float32Array(memory.buffer, ARG_MAX.x, ARG_MAX.rows * ARG_MAX.size);
      rows.set([9, NaN, 9], 29);
      rows.fill(-Infinity, 48, 96).fill(NaN, 50, 60);
      rows[143] = 9;
      rows.fill(-5, 144).fill(NaN, 144, 147);
    };
    const [indices, ownIndices] = runBoth('argMax', ARG_MAX, put);
    assert.deepEqual(ownIndices, indices);
    const written = new Int32Array(ownIndices.buffer, ARG_MAX.out, ARG_MAX.rows);
    assert.deepEqual([...written], [29, 0, 47, 3]);
  },
);

test('rows go where WebAssembly puts them, of any width', { skip }, () => {
  for (const size of [32, 20]) {
    const [required, given] = runBoth('append', { ...APPEND, size });
    assert.deepEqual(given, required);
  }
});

test('rows that a state has no room for are refused, and nothing is written', { skip }, () => {
  const memory = makeMemory();
  const prepare = withMachineCode(
    () => assert.fail(),
    new Machine([memory], machineCode('avx512')),
  );
  const [append, attend] = [
    prepare('append', inOrder('append', APPEND)),
    prepare('attention', inOrder('attention', ATTENTION)),
  ];
  for (const position of [-1, 10, 2 ** 31 - 1, -(2 ** 31)]) {
    new Int32Array(memory.buffer, 64, 2).set([position, 0]);
    const before = new Uint8Array(memory.buffer.slice(0));
    assert.throws(append.run, /a state of 9 rows must have room for 3 more of each sequence/);
    assert.throws(
      attend.run,
      /must see 1 to 12 keys: sequence 0 of the step has no room for 3 more/,
    );
    assert.deepEqual(new Uint8Array(memory.buffer), before);
  }
  new Int32Array(memory.buffer, 64, 2).set([6, 0]);
  append.run();
  attend.run();
});

test('shapes without machine code go to WebAssembly', { skip }, () => {
  const [required, given] = runBoth('attention', { ...ATTENTION, keyWidth: 20 });
  assert.deepEqual(given, required);
});

const CALLS = [
  ['linear', LINEAR],
  ['attention', ATTENTION],
  ['attention', { ...ATTENTION, T: 1 }],
  ['add', ADD],
  ['append', APPEND],
  ['rmsNormalization', NORM],
  ['argMax', ARG_MAX],
  ['quantizeRows', QUANTIZE],
  ['linearPanels', PANELS],
  ['groupedLinearPanels', GROUPED],
  ['groupedLinear', GROUPED_LINEAR],
  ['gatedDelta', DELTA],
  ['causalConvolution', CONVOLUTION],
  ['silu', ACTIVATION],
  ['rotaryEmbedding', ROTARY],
  ['swiglu', SWIGLU],
] as const;

/** Numbers as a broken program might have them. */
const HOSTILE = [-1, 0, 1, 2.5, 63, 64, 65532, 65536, 2 ** 31, 2 ** 32 - 4, 2 ** 53, NaN, Infinity];

/** How many of 3000 calls with hostile arguments are refused; the others must be harmless. */
function countRefused(level: Level): number {
  const random = new Random(11);
  const memory = makeMemory(true);
  const positions = new Int32Array(memory.buffer, 64, 2);
  const fallback: Bind = (kernel, args) => ({ kernel, args, run() {} });
  const bind = withMachineCode(fallback, new Machine([memory], machineCode(level)));
  let refused = 0;
  for (let round = 0; round < 3000; round++) {
    const [kernel, usual] = CALLS[round % CALLS.length]!;
    const args: Record<string, number> = { ...usual };
    const names = Object.keys(args);
    for (let changes = 0; changes < 2; changes++) {
      const name = names[Math.floor(random.float() * names.length)]!;
      args[name] = HOSTILE[Math.floor(random.float() * HOSTILE.length)]!;
    }
    positions.set([HOSTILE[round % HOSTILE.length]!, round % 5]);
    try {
      bind(kernel, inOrder(kernel, args as never)).run();
    } catch (error) {
      assert.equal((error as Error).name, 'CeladonError');
      refused++;
    }
  }
  return refused;
}

test(
  'hostile arguments are an error or harmless: nothing outside of the memory is touched',
  { skip },
  () => {
    for (const level of LEVELS.filter(runs)) {
      const refused = countRefused(level);
      assert.ok(refused > 250 && refused < 3000, `${level}: ${refused} refused`);
    }
  },
);

test('calls go on when the memory has grown', { skip }, () => {
  const memory = makeMemory();
  const bind = withMachineCode(
    bindKernels(instantiateKernels(memory)),
    new Machine([memory], machineCode('avx512')),
  );
  const { run } = bind('linear', inOrder('linear', LINEAR));
  run();
  const before = new Float32Array(memory.buffer, LINEAR.out, 9).slice();
  memory.grow(3);
  new Float32Array(memory.buffer, LINEAR.out, 9).fill(0);
  run();
  assert.deepEqual(new Float32Array(memory.buffer, LINEAR.out, 9), before);
});
