import { Random } from '../src/base/index.ts';
import { createMemory } from '../src/wasm/index.ts';
import { instantiateKernels } from '../src/target/cpu/kernels/kernelModule.ts';
import {
  PANEL_FORMATS,
  type IntegerFormatName,
} from '../src/target/cpu/panels/panelFormats.table.ts';
import { panelBytes } from '../src/target/cpu/panels/panelLayout.ts';
import { quantizedStride } from '../src/target/cpu/kernels/quantizeRows.ts';
import { packPanels } from '../src/target/cpu/panels/packPanels.ts';
import { PANEL_NAMES, randomStored } from '../test/panels.ts';
import { secondsOf, type Table } from './table.ts';

/** A matrix of the feed-forward layers of Qwen3-0.6B. */
const [N, K] = [3072, 1024];
/** As many as no cache holds. */
const MATRICES = 64;
const ROWS = [1, 2, 4, 8, 128];
const PAGE_BYTES = 65536;

export function benchPanels(): Table {
  return {
    title: 'Products on panels in WebAssembly',
    notes: [
      `Weights of ${N} × ${K}, ${MATRICES} of them by turns, and rows of activations, which are rounded to 8 bits each time;`,
      'one thread, GMAC a second of processor time, and for a single row GB of weights a second. The machine is shared.',
    ],
    columns: ['format', 'GB/s, 1 row', ...ROWS.map((M) => `${M} row${M > 1 ? 's' : ''}`)],
    rows: PANEL_NAMES.map(measure),
  };
}

function measure(name: IntegerFormatName): (string | number)[] {
  const bytes = panelBytes(name, N, K);
  const most = Math.max(...ROWS);
  const [xAt, rowsAt] = [64, 64 + 4 * most * K];
  const outAt = rowsAt + 2 * most * K;
  const wAt = outAt + 4 * most * N;
  const memory = createMemory({ initial: Math.ceil((wAt + MATRICES * bytes) / PAGE_BYTES) });
  const kernels = instantiateKernels(memory);
  const random = new Random(1);
  const x = new Float32Array(memory.buffer, xAt, most * K);
  for (let i = 0; i < x.length; i++) x[i] = random.float() - 0.5;
  const stored = randomStored(name, random, N, K);
  packPanels(name, stored, N, K, new Uint8Array(memory.buffer, wAt, bytes));
  for (let i = 1; i < MATRICES; i++) {
    new Uint8Array(memory.buffer).copyWithin(wAt + i * bytes, wAt, wAt + bytes);
  }
  let next = 0;
  const rates = ROWS.map((M) => {
    const seconds = secondsOf(() => {
      const w = wAt + (next++ % MATRICES) * bytes;
      kernels.quantizeRows(xAt, K, rowsAt, M, K);
      kernels.linearPanels(
        rowsAt,
        quantizedStride(K),
        w,
        outAt,
        N,
        M,
        N,
        K,
        PANEL_FORMATS[name].code,
      );
    });
    return (M * N * K) / seconds / 1e9;
  });
  const bandwidth = (rates[0]! * bytes) / (N * K);
  return [name, bandwidth.toFixed(1), ...rates.map((rate) => rate.toFixed(1))];
}
