/**
 * Sums over the bits of what kernels make of numbers by a rule. They are the same on every host, as WebAssembly is;
 * where they are not, the host's compiler is wrong.
 */
import { type WasmMemory } from '../../../wasm/index.ts';
import {
  isFloatFormat,
  PANEL_FORMATS,
  type FloatFormatName,
  type PanelFormatName,
} from '../panels/panelFormats.table.ts';
import { E4M3_FACTOR, layoutOf, panelBytes } from '../panels/panelLayout.ts';
import { type Kernels } from './bind.ts';
import { quantizedStride } from './quantizeRows.ts';

/** What `answerOf` gives: bytes, nibbles, levels and floats; the other formats are made of the same code. */
export const ANSWERS = {
  Q8_0: 56060629,
  Q4_0: 722287826,
  IQ4_NL: -1879235238,
  BF16: -1333559680,
  F16: 1450440556,
  E4M3: 1843217213,
} as const satisfies Partial<Record<PanelFormatName, number>>;

/** Tiles of six rows, five and four, and a panel that is not whole. */
const [M, N] = [15, 40];
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

/** Runs quantizeRows, unless weights are floats, linearPanels and swiglu. */
export function answerOf(kernels: Kernels, memory: WasmMemory, name: keyof typeof ANSWERS): number {
  const { x, rows, w, out, end } = PLACES;
  const K = name === 'E4M3' ? 128 : 64;
  const isFloat = isFloatFormat(name);
  const floats = new Float32Array(memory.buffer, x, M * K);
  // With floats all products and sums are exact, so that it does not matter how often a host rounds.
  for (let i = 0; i < floats.length; i++)
    floats[i] = isFloat ? (((i * 37) % 101) - 50) / 64 : ((i * 37) % 101) / 50 - 1;
  const panels = new Uint8Array(memory.buffer, w, panelBytes(name, N, K));
  if (isFloat) fillFloats(name, panels);
  else fillBlocks(panels, panelBytes(name, 1, 32));
  if (!isFloat) kernels.quantizeRows(x, K, rows, M, K);
  const [activations, stride] = isFloat ? [x, K] : [rows, quantizedStride(K)];
  kernels.linearPanels(activations, stride, w, out, N, M, N, K, PANEL_FORMATS[name].code);
  kernels.swiglu(out, out, out, M * N, Infinity);
  const bits = new Int32Array(memory.buffer, out, M * N);
  const answer = bits.reduce((sum, word) => (Math.imul(sum, 31) + word) | 0, 0);
  new Uint8Array(memory.buffer, 0, end).fill(0);
  return answer;
}

/** Scales are f16 numbers around 2^-6, codes any bytes. */
function fillBlocks(panels: Uint8Array, blockBytes: number): void {
  for (let i = 0; i < panels.length; i++) {
    const scale = i % 2 === 1 ? 0x24 : (i * 53) & 0xff;
    panels[i] = i % blockBytes < 64 ? scale : (i * 89) & 0xff;
  }
}

/** Numbers from 1/2 to 2 in size, of at most eight bits; scales 1. */
function fillFloats(name: FloatFormatName, panels: Uint8Array): void {
  const { unitBytes, headerBytes, unitBlocks } = layoutOf(PANEL_FORMATS[name]);
  const sign = (i: number): number => ((i * 29) & 64) << 1;
  for (let i = 0; i < panels.length; i++) {
    if (name === 'E4M3') panels[i] = sign(i) | 0x38 | ((i * 5) & 7);
    else if (i % 2 === 1) panels[i] = sign(i) | (name === 'BF16' ? 0x3f : 0x3c);
    else panels[i] = name === 'BF16' ? (i * 53) & 0xff : (i * 16) & 0xf0;
  }
  if (headerBytes === 0) return;
  for (let at = 0; at < panels.length; at += unitBytes)
    new Float32Array(panels.buffer, panels.byteOffset + at, unitBlocks).fill(E4M3_FACTOR);
}
