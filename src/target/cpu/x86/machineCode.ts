/** The kernels of this folder as one library, and whether this machine can run it. */
import { UnsupportedError } from '../../../base/index.ts';
import { Assembler, linkLibrary, loadLibrary, type LinkedLibrary } from '../../../x86/index.ts';
import { addAttendToken } from './attendToken.ts';
import { addAttendTokens } from './attendTokens.ts';
import { addAttention } from './attention.ts';
import { PANEL_FORMAT_NAMES, type PanelFormatName } from '../panels/panelFormats.table.ts';
import { addConvolution } from './convolution.ts';
import { addElementwise } from './elementwise.ts';
import { addGatedDelta } from './gatedDelta.ts';
import { addGrouped } from './grouped.ts';
import { addLinear, LINEAR } from './linear.ts';
import { addLinearPanels, LINEAR_PANELS, linearPanelsName } from './linearPanels.ts';
import { addQuantizeRows } from './quantizeRows.ts';
import { addRotary } from './rotary.ts';

/** What the code of the kernels is made with: WebAssembly everywhere, machine code where it can run. */
export type Emitter = 'wasm' | 'x86';

/** What runs, and for WebAssembly why it is not machine code. */
export interface EmitterChoice {
  readonly emitter: Emitter;
  readonly reason?: string;
}

const linked = new Map<string, LinkedLibrary>();

/** The library that reads these formats of panels, emitted once a process. */
export function machineCode(
  formats: readonly PanelFormatName[] = PANEL_FORMAT_NAMES,
): LinkedLibrary {
  const known = linked.get(formats.join());
  if (known) return known;
  const assembler = new Assembler();
  addGrouped(assembler, { name: 'linear', label: addLinear(assembler), args: LINEAR });
  addAttention(assembler);
  addAttendTokens(assembler);
  addAttendToken(assembler);
  addQuantizeRows(assembler);
  addElementwise(assembler);
  addRotary(assembler);
  addGatedDelta(assembler);
  addConvolution(assembler);
  for (const format of formats) {
    const label = addLinearPanels(assembler, format);
    addGrouped(assembler, { name: linearPanelsName(format), label, args: LINEAR_PANELS });
  }
  const library = linkLibrary(assembler);
  linked.set(formats.join(), library);
  return library;
}

let possible: EmitterChoice | undefined;

/**
 * Machine code where it can run, unless WebAssembly is asked for. Throws UnsupportedError if machine code is
 * asked for and cannot.
 */
export function chooseEmitter(requested: Emitter | 'auto'): EmitterChoice {
  if (requested === 'wasm') return { emitter: 'wasm', reason: 'it was asked for' };
  possible ??= tryMachineCode();
  if (possible.emitter === requested || requested === 'auto') return possible;
  throw new UnsupportedError(`x86 machine code must be able to run here: ${possible.reason}`, {
    hint: 'use the emitter wasm, or auto',
  });
}

function tryMachineCode(): EmitterChoice {
  try {
    // A library without kernels: theirs are made when a device is opened.
    const { level } = loadLibrary(new Assembler()).features;
    if (level === 'avx512') return { emitter: 'x86' };
    return { emitter: 'wasm', reason: 'the processor has no AVX-512 with VNNI' };
  } catch (error) {
    // Whatever stands in the way, WebAssembly runs.
    return { emitter: 'wasm', reason: (error as Error).message };
  }
}
