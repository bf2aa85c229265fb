/** The kernels of this folder as one library, and whether this machine can run it. */
import { UnsupportedError } from '../../../base/index.ts';
import {
  Assembler,
  linkLibrary,
  loadLibrary,
  type Level,
  type LinkedLibrary,
  type NativeLibrary,
} from '../../../x86/index.ts';
import type { WasmMemory } from '../../../wasm/index.ts';
import { noCodeStore, type CodeStore } from '../emitted/codeStore.ts';
import { addAppend } from './append.ts';
import { addAttendToken } from './attendToken.ts';
import { addAttendTokens } from './attendTokens.ts';
import { addAttention } from './attention.ts';
import { PANEL_FORMAT_NAMES, type PanelFormatName } from '../panels/panelFormats.table.ts';
import { addConvolution } from './convolution.ts';
import { addElementwise } from './elementwise.ts';
import { addGatedDelta } from './gatedDelta.ts';
import { addGrouped } from './grouped.ts';
import { addGuards } from './guards.ts';
import { addLinear, LINEAR } from './linear.ts';
import { addLinearPanels, LINEAR_PANELS, linearPanelsName } from './linearPanels.ts';
import { addQuantizeRows } from './quantizeRows.ts';
import { addRotary } from './rotary.ts';
import { addRows } from './rows.ts';
import { addWalk } from './walk.ts';

/** What the code of the kernels is made with: WebAssembly everywhere, machine code where it can run. */
export type Emitter = 'wasm' | 'x86';

/** What may be asked for: machine code of one level too, or the best of all. */
export type EmitterRequest = Emitter | Level | 'auto';

/** What runs: machine code of which level, or WebAssembly and why it is not machine code. */
export interface EmitterChoice {
  readonly emitter: Emitter;
  readonly level?: Level;
  readonly reason?: string;
}

const linked = new Map<string, LinkedLibrary>();

/** The library of a level that reads these formats of panels, taken from the store once a process. */
export function machineCode(
  level: Level,
  formats: readonly PanelFormatName[] = PANEL_FORMAT_NAMES,
  store: CodeStore = noCodeStore,
): LinkedLibrary {
  const key = [level, ...formats].join();
  const known = linked.get(key);
  if (known) return known;
  const library = store.take(`machine code ${key}`, () => emitLibrary(level, formats));
  linked.set(key, library);
  return library;
}

function emitLibrary(level: Level, formats: readonly PanelFormatName[]): LinkedLibrary {
  const assembler = new Assembler(level);
  addWalk(assembler);
  addQuantizeRows(assembler);
  if (level === 'avx512') addWideKernels(assembler);
  for (const format of formats) {
    const label = addLinearPanels(assembler, format);
    addGrouped(assembler, { name: linearPanelsName(format), label, args: LINEAR_PANELS });
  }
  return linkLibrary(assembler);
}

/** What there is for AVX-512 alone; without, WebAssembly does it. */
function addWideKernels(assembler: Assembler): void {
  addGuards(assembler);
  addAppend(assembler);
  addGrouped(assembler, { name: 'linear', label: addLinear(assembler), args: LINEAR });
  addAttention(assembler);
  addAttendTokens(assembler);
  addAttendToken(assembler);
  addElementwise(assembler);
  addRotary(assembler);
  addRows(assembler);
  addGatedDelta(assembler);
  addConvolution(assembler);
}

/** The levels that run here, the best first, and if there are none, why. */
interface Possible {
  /** Without kernels, whose library is made when a device is opened: it asks for huge pages. */
  readonly library?: NativeLibrary;
  readonly levels: readonly Level[];
  readonly reason: string;
}

let possible: Possible | undefined;

/**
 * Machine code where it can run, unless WebAssembly is asked for. Throws UnsupportedError if machine code is
 * asked for and cannot.
 */
export function chooseEmitter(requested: EmitterRequest): EmitterChoice {
  if (requested === 'wasm') return { emitter: 'wasm', reason: 'it was asked for' };
  possible ??= tryMachineCode();
  const { levels, reason } = possible;
  const isAnyLevel = requested === 'auto' || requested === 'x86';
  const level = isAnyLevel ? levels[0] : levels.find((one) => one === requested);
  if (level) return { emitter: 'x86', level };
  if (requested === 'auto') return { emitter: 'wasm', reason };
  throw new UnsupportedError(
    `${requested} machine code must be able to run here: ${levels.length > 0 ? `the processor has ${levels.join(', ')}` : reason}`,
    { hint: 'use the emitter wasm, or auto' },
  );
}

function tryMachineCode(): Possible {
  try {
    const library = loadLibrary(new Assembler());
    requireSharedAddresses(library);
    const { levels } = library.features;
    return {
      library,
      levels,
      reason: 'the processor has neither AVX-512 with VNNI nor AVX2 with FMA',
    };
  } catch (error) {
    // Whatever stands in the way, WebAssembly runs.
    return { levels: [], reason: (error as Error).message };
  }
}

/** Throws UnsupportedError where the host does not say where memory is that threads share: Node before 24.9. */
function requireSharedAddresses(library: NativeLibrary): void {
  try {
    library.addressOf(new SharedArrayBuffer(8));
  } catch {
    throw new UnsupportedError(
      'the host must tell addresses of shared memory, as Node from 24.9 on',
    );
  }
}

/** What a memory of 32 bits may grow to. */
const MOST_BYTES = 2 ** 32;

/**
 * Asks for huge pages in memories that nothing has been written to, whatever the kernels are made with; a wish, where machine
 * code runs.
 */
export function adviseHugePages(memories: readonly WasmMemory[]): void {
  possible ??= tryMachineCode();
  const { library } = possible;
  if (library === undefined) return;
  for (const { buffer } of memories) {
    // The host has reserved all that a shared memory may grow to.
    const bytes = buffer instanceof SharedArrayBuffer ? MOST_BYTES : buffer.byteLength;
    library.adviseHugePages(library.addressOf(buffer), bytes);
  }
}
