import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PANEL_NAMES, randomStored } from '../../../../test/panels.ts';
import { assertClose, normal } from '../../../../test/workbench.ts';
import { Random } from '../../../base/index.ts';
import { type WasmMemory } from '../../../wasm/index.ts';
import { bindKernels } from '../kernels/bind.ts';
import { createKernelMemory, instantiateKernels } from '../kernels/kernelModule.ts';
import { KERNELS, type KernelName } from '../kernels/kernels.table.ts';
import { packPanels } from '../panels/packPanels.ts';
import { PANEL_FORMATS, type IntegerFormatName } from '../panels/panelFormats.table.ts';
import { panelBytes } from '../panels/panelLayout.ts';
import { chooseEmitter, machineCode } from './machineCode.ts';
import { withMachineCode } from './nativeKernels.ts';

const { emitter, reason = 'no reason' } = chooseEmitter('auto');
const skip = emitter === 'x86' ? false : reason;
const ELEMENTS = 65536 / 4;

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
): [Float32Array, Float32Array] {
  const [wasm, native] = [makeMemory(), makeMemory(true)];
  prepare(wasm);
  new Uint8Array(native.buffer).set(new Uint8Array(wasm.buffer));
  for (const memory of [wasm, native]) new Int32Array(memory.buffer, 64, 2).set([3, 0]);
  const values = inOrder(kernel, args);
  bindKernels(instantiateKernels(wasm))(kernel, values)();
  const bind = bindKernels(instantiateKernels(native, true));
  withMachineCode(bind, native, machineCode())(kernel, values)();
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

/** Rows in 8 bits, and weights of the format. */
function putPanels(memory: WasmMemory, name: IntegerFormatName): void {
  const { M, N, K, x, w } = PANELS;
  const rows = { x: 4096, xStride: K, out: x, rows: M, K };
  bindKernels(instantiateKernels(memory))('quantizeRows', inOrder('quantizeRows', rows))();
  const panels = new Uint8Array(memory.buffer, w, panelBytes(name, N, K)).fill(0);
  packPanels(name, randomStored(name, new Random(7), N, K), N, K, panels);
}

const ATTENTION: Args<'attention'> = {
  ...{ q: 1024, qStep: 128, keys: 4096, keyStep: 64, values: 16384, valueStep: 32, positions: 64 },
  ...{ first: 1, scores: 32768, scoreStride: 16, out: 40960, outStep: 64 },
  ...{ B: 2, T: 3, G: 2, shared: 2, capacity: 12, keyWidth: 32, valueStride: 16, valueWidth: 16 },
  ...{ tileTokens: 1, scale: 0.25 },
};

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
    const [wasm, native] = runBoth('quantizeRows', QUANTIZE);
    assert.deepEqual(native, wasm);
    for (const name of PANEL_NAMES) {
      const args = { ...PANELS, format: PANEL_FORMATS[name].code };
      const [required, given] = runBoth('linearPanels', args, (memory) => putPanels(memory, name));
      assert.deepEqual(given, required, name);
    }
  },
);

test('shapes without machine code go to WebAssembly', { skip }, () => {
  const [required, given] = runBoth('attention', { ...ATTENTION, keyWidth: 20 });
  assert.deepEqual(given, required);
});

const CALLS = [
  ['linear', LINEAR],
  ['attention', ATTENTION],
  ['quantizeRows', QUANTIZE],
  ['linearPanels', PANELS],
  ['swiglu', SWIGLU],
] as const;

/** Numbers as a broken program might have them. */
const HOSTILE = [-1, 0, 1, 2.5, 63, 64, 65532, 65536, 2 ** 31, 2 ** 32 - 4, 2 ** 53, NaN, Infinity];

test(
  'hostile arguments are an error or harmless: nothing outside of the memory is touched',
  { skip },
  () => {
    const random = new Random(11);
    const memory = makeMemory(true);
    const positions = new Int32Array(memory.buffer, 64, 2);
    const fallback = () => () => {};
    const bind = withMachineCode(fallback, memory, machineCode());
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
        bind(kernel, inOrder(kernel, args as never))();
      } catch (error) {
        assert.equal((error as Error).name, 'CeladonError');
        refused++;
      }
    }
    assert.ok(refused > 500 && refused < 3000, `${refused} refused`);
  },
);

test('calls go on when the memory has grown', { skip }, () => {
  const memory = makeMemory();
  const bind = withMachineCode(bindKernels(instantiateKernels(memory)), memory, machineCode());
  const run = bind('linear', inOrder('linear', LINEAR));
  run();
  const before = new Float32Array(memory.buffer, LINEAR.out, 9).slice();
  memory.grow(3);
  new Float32Array(memory.buffer, LINEAR.out, 9).fill(0);
  run();
  assert.deepEqual(new Float32Array(memory.buffer, LINEAR.out, 9), before);
});
