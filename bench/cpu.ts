/** The cpu target beside llama.cpp: the same files, the same machine, run by turns. */
import { spawn, type ChildProcess } from 'node:child_process';
import os from 'node:os';
import { celadon, LIMIT_SECONDS, llamaCpp, THREADS, type Engine } from './cpu/engines.ts';
import { buildLlamaCpp, FOLDER } from './cpu/llamaCpp.ts';
import { modelFile } from './cpu/modelFiles.ts';
import { openLimits, shareOf, tokenCost } from './cpu/roofline.ts';
import { workloadName, WORKLOADS, type Workload } from './cpu/workloads.table.ts';
import type { Limits, Pool } from './machineCode/pool.ts';
import { median, type Table } from './table.ts';

const ROUNDS = Number(process.env['CELADON_BENCH_ROUNDS'] ?? 7);

/** Names of the workloads to measure, with commas between them; all without it. */
const CHOSEN = process.env['CELADON_BENCH_WORKLOADS']?.split(',');

const ENGINES = ['peer', 'native', 'wasm'] as const;
type EngineName = (typeof ENGINES)[number];

/** In the order of the rounds: tokens a second of each engine, and what the machine could do. */
interface Measurement {
  readonly rates: Readonly<Record<EngineName, number[]>>;
  readonly limits: Limits[];
}

export async function benchCpu(): Promise<Table> {
  const peer = buildLlamaCpp(FOLDER);
  const engines = { peer: llamaCpp(peer), native: celadon('x86'), wasm: celadon('wasm') };
  const pool = await openLimits();
  const rows = WORKLOADS.filter((workload) => CHOSEN?.includes(workloadName(workload)) ?? true).map(
    (workload) => row(workload, measure(workload, engines, pool)),
  );
  pool.close();
  return {
    title: 'The cpu target beside llama.cpp',
    notes: [
      `Tokens a second, ${THREADS} threads, median of ${ROUNDS} rounds; in each round the engines run one after the other,`,
      `each in a process of its own that warms up first. llama.cpp ${peer.version} without AMX. Random weights; context f16`,
      'there, f32 here. Ratios are medians of the ratios of the rounds, with the smallest and the largest; in brackets the goal.',
      'Limit: what the weights take in native code of the memory read (tg) or the int8 multiply-accumulates (pp) that machine code',
      'without anything else reached in the same round, for one sequence of the dense model.',
      `On busy cores llama.cpp generates 4 tokens only. A run that is stopped after ${LIMIT_SECONDS} s counts as if its tokens were`,
      'done by then.',
    ],
    columns: ['workload', 'llama.cpp', 'native', 'native ÷', 'of the limit', 'WASM', 'WASM ÷'],
    rows,
  };
}

function measure(
  workload: Workload,
  engines: Readonly<Record<EngineName, Engine>>,
  pool: Pool,
): Measurement {
  const file = modelFile(workload);
  const rates: Measurement['rates'] = { peer: [], native: [], wasm: [] };
  const limits: Limits[] = [];
  const neighbours = workload.busy ? os.cpus().map(spinningProcess) : [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      console.error(`${workloadName(workload)}: round ${round + 1} of ${ROUNDS}`);
      for (const name of ENGINES) rates[name].push(engines[name](workload, file));
      limits.push(pool.limits());
    }
  } finally {
    for (const neighbour of neighbours) neighbour.kill();
  }
  return { rates, limits };
}

/** Until the process that started it has gone, whatever ended that. */
const SPIN = 'const parent = process.ppid; while (process.ppid === parent);';

function spinningProcess(): ChildProcess {
  return spawn(process.execPath, ['-e', SPIN], { stdio: 'ignore' });
}

function row(workload: Workload, { rates, limits }: Measurement): (string | number)[] {
  const { peer, native, wasm } = rates;
  const tokens = (of: readonly number[]): string => median(of).toFixed(1);
  const ratio = (of: readonly number[], goal: number | null): string => {
    const ratios = of.map((rate, i) => rate / peer[i]!);
    const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    return `${median(ratios).toFixed(2)} (${range})${goal === null ? '' : ` [${goal}]`}`;
  };
  return [
    workloadName(workload),
    tokens(peer),
    tokens(native),
    ratio(native, workload.native),
    limitShare(workload, native, limits),
    tokens(wasm),
    ratio(wasm, workload.wasm),
  ];
}

function limitShare(
  workload: Workload,
  rates: readonly number[],
  limits: readonly Limits[],
): string {
  if (workload.limit === null) return '';
  const cost = tokenCost(modelFile(workload));
  const shares = rates.map((rate, i) => shareOf(rate, workload, cost, limits[i]!));
  return `${(100 * median(shares)).toFixed(0)} % [${workload.limit}]`;
}
