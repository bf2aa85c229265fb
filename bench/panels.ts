/**
 * Products on panels in WebAssembly, one thread: GMAC/s and, for a single row, GB/s of weights, which are too many
 * for any cache. Matrices are those of Qwen3-0.6B's feed-forward layers.
 */
import { Random } from '../src/base/index.ts';
import { createMemory } from '../src/wasm/index.ts';
import { instantiateKernels } from '../src/target/cpu/kernels/kernelModule.ts';
import {
  panelBytes,
  PANEL_FORMATS,
  type PanelFormatName,
} from '../src/target/cpu/panels/panelFormats.table.ts';
import { packPanels } from '../src/target/cpu/panels/packPanels.ts';
import { PANEL_NAMES, randomStored } from '../test/panels.ts';

const [N, K] = [3072, 1024];
const MATRICES = 64;
const ROWS = [1, 2, 4, 8, 128];
const ROUNDS = 7;

function measure(name: PanelFormatName): void {
  const bytes = panelBytes(name, N, K);
  const most = Math.max(...ROWS);
  const [xAt, rowsAt] = [64, 64 + 4 * most * K];
  const outAt = rowsAt + most * (K / 32) * 64;
  const wAt = outAt + 4 * most * N;
  const memory = createMemory({ initial: Math.ceil((wAt + MATRICES * bytes) / 65536) });
  const kernels = instantiateKernels(memory);
  const random = new Random(1);
  const x = new Float32Array(memory.buffer, xAt, most * K);
  for (let i = 0; i < x.length; i++) x[i] = random.float() - 0.5;
  const first = new Uint8Array(memory.buffer, wAt, bytes);
  packPanels(name, randomStored(name, random, N, K), N, K, first);
  for (let i = 1; i < MATRICES; i++) {
    new Uint8Array(memory.buffer).copyWithin(wAt + i * bytes, wAt, wAt + bytes);
  }
  const { code } = PANEL_FORMATS[name];
  for (const M of ROWS) {
    const matrices = M > 8 ? 4 : MATRICES;
    const run = (): void => {
      for (let i = 0; i < matrices; i++) {
        kernels.quantizeRows(xAt, K, rowsAt, M, K);
        kernels.linearPanels(rowsAt, wAt + i * bytes, outAt, N, M, N, K, code);
      }
    };
    const seconds = medianSeconds(run);
    const rate = (matrices * M * N * K) / seconds / 1e9;
    const read = M === 1 ? `, ${((matrices * bytes) / seconds / 1e9).toFixed(1)} GB/s` : '';
    console.log(`${name.padEnd(8)} M=${String(M).padEnd(4)} ${rate.toFixed(1)} GMAC/s${read}`);
  }
}

/** The median processor time of some rounds, after one to warm up: other processes take nothing from it but caches. */
function medianSeconds(run: () => void): number {
  run();
  const times = Array.from({ length: ROUNDS }, () => {
    const start = process.cpuUsage();
    run();
    return process.cpuUsage(start).user / 1e6;
  });
  return times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
}

for (const name of PANEL_NAMES.slice(0, Number(process.argv[2] ?? 4))) measure(name);
