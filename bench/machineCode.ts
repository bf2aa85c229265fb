/** Products on panels in machine code beside the roofline of the same moments: memory read, int8 multiply-accumulates. */
import { linearPanelsName } from '../src/target/cpu/x86/linearPanels.ts';
import { panelBytes } from '../src/target/cpu/panels/panelLayout.ts';
import { Pool } from './machineCode/pool.ts';
import type { Task } from './machineCode/runner.ts';
import { median, type Table } from './table.ts';

const ROUNDS = 9;
const FORMATS = ['Q8_0', 'Q4_0'] as const;
/** The output matrix of Qwen3-0.6B for few rows, its feed-forward layers for many. */
const FEW = { N: 151936, K: 1024 };
const MANY = { N: 3072, K: 1024 };
const ROWS = [1, 4, 8, 16, 128, 512];

export async function benchMachineCode(): Promise<Table> {
  const rows: (string | number)[][] = [];
  for (const threads of [1, 2]) {
    const pool = await Pool.open(threads);
    for (const format of FORMATS) {
      for (const M of ROWS) rows.push([threads, format, M, ...measure(pool, format, M)]);
    }
    pool.close();
  }
  return {
    title: 'Products on panels in x86-64 machine code',
    notes: [
      `Medians of ${ROUNDS} rounds; in each, reading memory, multiplying in registers and the product follow each other, on the`,
      `same threads, until the slowest ends. Few rows (up to 16): ${FEW.N} × ${FEW.K}, weights from memory; many: ${MANY.N} × ${MANY.K}. Shares are medians of the`,
      "rounds' ratios to memory read and to vpdpbusd from registers; other processes share the cores.",
    ],
    columns: ['threads', 'format', 'M', 'GB/s', 'of memory read', 'GMAC/s', 'of int8 peak'],
    rows,
  };
}

function measure(pool: Pool, format: (typeof FORMATS)[number], M: number): string[] {
  const { N, K } = M > 16 ? MANY : FEW;
  const bytes = panelBytes(format, N, K);
  const times = M > 16 ? 8 : 1;
  const product: Task = { name: linearPanelsName(format), M, N, K, bytes, times };
  const rounds = Array.from({ length: ROUNDS }, () => {
    const { read, peak } = pool.limits();
    const seconds = pool.seconds(product);
    return { read, peak, rate: bytes / seconds, macs: (M * N * K) / seconds };
  });
  const of = (f: (round: (typeof rounds)[number]) => number): number => median(rounds.map(f));
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  return [
    (of(({ rate }) => rate) / 1e9).toFixed(1),
    percent(of(({ rate, read }) => rate / read)),
    (of(({ macs }) => macs) / 1e9).toFixed(1),
    percent(of(({ macs, peak }) => macs / peak)),
  ];
}
