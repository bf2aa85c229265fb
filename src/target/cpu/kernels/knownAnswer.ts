/**
 * A sum over the bits of what kernels make of numbers by a rule. The same on every host, as WebAssembly is; where
 * it is not, the host's compiler is wrong.
 */
import { type WasmMemory } from '../../../wasm/index.ts';
import { PANEL_FORMATS, panelBytes } from '../panels/panelFormats.table.ts';
import { type Kernels } from './bind.ts';

/** What `answerOf` must give. */
export const KNOWN_ANSWER = -163_759_871;

/** Odd numbers of rows, so that all tiles but one run. */
const [M, N, K] = [15, 40, 64];
const NAMES = ['Q8_0', 'Q4_0', 'IQ4_NL'] as const;
const PLACES = { x: 1 << 12, rows: 1 << 13, w: 3 << 12, out: 1 << 15, end: 1 << 16 } as const;

/** Runs quantizeRows, linearPanels and swiglu in the first page of `memory`, which is overwritten. */
export function answerOf(kernels: Kernels, memory: WasmMemory): number {
  const { x, rows, w, out, end } = PLACES;
  const floats = new Float32Array(memory.buffer, x, M * K);
  for (let i = 0; i < floats.length; i++) floats[i] = Math.fround(((i * 37) % 101) / 50 - 1);
  let sum = 0;
  for (const name of NAMES) {
    const { code, blockBytes } = PANEL_FORMATS[name];
    const panels = new Uint8Array(memory.buffer, w, panelBytes(name, N, K));
    for (let i = 0; i < panels.length; i++) panels[i] = scaleOrCode(i % blockBytes, i);
    kernels.quantizeRows(x, K, rows, M, K);
    kernels.linearPanels(rows, w, out, N, M, N, K, code);
    kernels.swiglu(out, out, out, M * N, Infinity);
    for (const bits of new Int32Array(memory.buffer, out, M * N))
      sum = (Math.imul(sum, 31) + bits) | 0;
  }
  new Uint8Array(memory.buffer, 0, end).fill(0);
  return sum;
}

/** A byte of a block: scales are f16 numbers around 2^-6. */
function scaleOrCode(at: number, i: number): number {
  if (at >= 64) return (i * 89) & 0xff;
  return at % 2 === 1 ? 0x24 : (i * 53) & 0xff;
}
