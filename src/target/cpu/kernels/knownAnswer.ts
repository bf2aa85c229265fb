/**
 * Sums over the bits of what kernels make of numbers by a rule. They are the same on every host, as WebAssembly is;
 * where they are not, the host's compiler is wrong.
 */
import { type WasmMemory } from '../../../wasm/index.ts';
import { PANEL_FORMATS, type PanelFormatName } from '../panels/panelFormats.table.ts';
import { panelBytes } from '../panels/panelLayout.ts';
import { type Kernels } from './bind.ts';
import { quantizedStride } from './quantizeRows.ts';

/** What `answerOf` gives: bytes, nibbles and levels; the other formats are made of the same code. */
export const ANSWERS = {
  Q8_0: 56060629,
  Q4_0: 722287826,
  IQ4_NL: -1879235238,
} as const satisfies Partial<Record<PanelFormatName, number>>;

/** Tiles of six rows, five and four, and a panel that is not whole. */
const [M, N, K] = [15, 40, 64];
const PLACES = { x: 1 << 12, rows: 1 << 13, w: 3 << 12, out: 1 << 15, end: 1 << 16 } as const;

/** Whether kernels for these formats give what they must; the first page of `memory` is 0 before and afterwards. */
export function knowsAnswers(
  kernels: Kernels,
  memory: WasmMemory,
  formats: readonly PanelFormatName[],
): boolean {
  const names = Object.keys(ANSWERS) as (keyof typeof ANSWERS)[];
  return names
    .filter((name) => formats.includes(name))
    .every((name) => answerOf(kernels, memory, name) === ANSWERS[name]);
}

/** Runs quantizeRows, linearPanels and swiglu. */
export function answerOf(kernels: Kernels, memory: WasmMemory, name: keyof typeof ANSWERS): number {
  const { x, rows, w, out, end } = PLACES;
  const floats = new Float32Array(memory.buffer, x, M * K);
  for (let i = 0; i < floats.length; i++) floats[i] = ((i * 37) % 101) / 50 - 1;
  const panels = new Uint8Array(memory.buffer, w, panelBytes(name, N, K));
  const blockBytes = panelBytes(name, 1, 32);
  for (let i = 0; i < panels.length; i++) panels[i] = scaleOrCode(i % blockBytes, i);
  kernels.quantizeRows(x, K, rows, M, K);
  const { code } = PANEL_FORMATS[name];
  kernels.linearPanels(rows, quantizedStride(K), w, out, N, M, N, K, code);
  kernels.swiglu(out, out, out, M * N, Infinity);
  const bits = new Int32Array(memory.buffer, out, M * N);
  const answer = bits.reduce((sum, word) => (Math.imul(sum, 31) + word) | 0, 0);
  new Uint8Array(memory.buffer, 0, end).fill(0);
  return answer;
}

/** A byte of a block: scales are f16 numbers around 2^-6. */
function scaleOrCode(at: number, i: number): number {
  if (at >= 64) return (i * 89) & 0xff;
  return at % 2 === 1 ? 0x24 : (i * 53) & 0xff;
}
