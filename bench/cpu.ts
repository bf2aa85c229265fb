/** The cpu target beside llama.cpp: the same files, the same machine, run by turns. */
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { celadon, llamaCpp, THREADS, type Engine } from './cpu/engines.ts';
import { buildLlamaCpp } from './cpu/llamaCpp.ts';
import { workloadName, WORKLOADS, type Workload } from './cpu/workloads.table.ts';
import { writeRandomGguf } from './gguf/randomGguf.ts';
import { SHAPES } from './gguf/shapes.table.ts';
import { median, type Table } from './table.ts';

const ROUNDS = 7;

/** Sources, builds and model files, which later runs find again. */
const FOLDER = process.env['CELADON_BENCH_FOLDER'] ?? path.join(os.tmpdir(), 'celadon-bench');

/** Names of the workloads to measure, with commas between them; all without it. */
const CHOSEN = process.env['CELADON_BENCH_WORKLOADS']?.split(',');

/** Tokens a second of each engine, in the order of the rounds. */
type Rates = Readonly<Record<'peer' | 'native' | 'wasm', readonly number[]>>;

export function benchCpu(): Table {
  const peer = buildLlamaCpp(FOLDER);
  const engines = { peer: llamaCpp(peer), native: celadon('x86'), wasm: celadon('wasm') };
  return {
    title: 'The cpu target beside llama.cpp',
    notes: [
      `Tokens a second, ${THREADS} threads, median of ${ROUNDS} rounds; in each round the engines run one after the other,`,
      `each in a process of its own that warms up first. llama.cpp ${peer.version} without AMX. Random weights; context f16`,
      'there, f32 here. Ratios are medians of the ratios of the rounds, with the smallest and the largest; in brackets the goal.',
    ],
    columns: ['workload', 'llama.cpp', 'native', 'native ÷', 'WASM', 'WASM ÷'],
    rows: WORKLOADS.filter((workload) => CHOSEN?.includes(workloadName(workload)) ?? true).map(
      (workload) => row(workload, measure(workload, engines)),
    ),
  };
}

function measure(workload: Workload, engines: Readonly<Record<keyof Rates, Engine>>): Rates {
  const file = modelFile(workload);
  const rates = { peer: [], native: [], wasm: [] } as Record<keyof Rates, number[]>;
  const neighbours = workload.busy ? os.cpus().map(spinningProcess) : [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      console.error(`${workloadName(workload)}: round ${round + 1} of ${ROUNDS}`);
      for (const name of ['peer', 'native', 'wasm'] as const)
        rates[name].push(engines[name](workload, file));
    }
  } finally {
    for (const neighbour of neighbours) neighbour.kill();
  }
  return rates;
}

function modelFile({ model, format }: Workload): string {
  const file = path.join(FOLDER, `${model}-${format}.gguf`);
  if (!fs.existsSync(file)) {
    writeRandomGguf(SHAPES[model], format, `${file}.part`);
    fs.renameSync(`${file}.part`, file);
  }
  return file;
}

function spinningProcess(): ChildProcess {
  return spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
}

function row(workload: Workload, { peer, native, wasm }: Rates): (string | number)[] {
  const tokens = (rates: readonly number[]): string => median(rates).toFixed(1);
  const ratio = (rates: readonly number[], goal: number | null): string => {
    const ratios = rates.map((rate, i) => rate / peer[i]!);
    const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    return `${median(ratios).toFixed(2)} (${range})${goal === null ? '' : ` [${goal}]`}`;
  };
  return [
    workloadName(workload),
    tokens(peer),
    tokens(native),
    ratio(native, workload.native),
    tokens(wasm),
    ratio(wasm, workload.wasm),
  ];
}
