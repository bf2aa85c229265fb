/** celadon serve beside llama-server: the same file, the same machine, the same requests, by turns. */
import fs from 'node:fs';
import path from 'node:path';
import { convertModel } from '../test/gguf/convertModel.ts';
import { buildLlamaCpp, FOLDER } from './cpu/llamaCpp.ts';
import { percentile, runLoad, type Load, type LoadResult } from './serve/load.ts';
import { celadonServer, llamaServer } from './serve/servers.ts';
import { median, type Table } from './table.ts';

const ROUNDS = 5;
const CONTEXT = 256;
const TOKENS = 64;

const LOADS: readonly Load[] = [
  { streams: 1, requestsOfStream: 8, generatedTokens: TOKENS },
  { streams: 8, requestsOfStream: 4, generatedTokens: TOKENS },
  { streams: 64, requestsOfStream: 2, generatedTokens: TOKENS },
];

export async function benchServe(): Promise<Table> {
  const { bin, version } = buildLlamaCpp(FOLDER);
  const file = demoFile();
  const most = Math.max(...LOADS.map(({ streams }) => streams));
  const servers = {
    celadon: await celadonServer(file, CONTEXT, most),
    'llama-server': await llamaServer(path.join(bin, 'llama-server'), file, CONTEXT, most),
  };
  try {
    const rows: (string | number)[][] = [];
    for (const load of LOADS) {
      const results: Record<string, LoadResult[]> = { celadon: [], 'llama-server': [] };
      for (let round = 0; round < ROUNDS; round++) {
        console.error(`${load.streams} streams: round ${round + 1} of ${ROUNDS}`);
        for (const [name, { base }] of Object.entries(servers)) {
          results[name]!.push(await runLoad(base, load, round * 1000));
        }
      }
      for (const [name, of] of Object.entries(results)) rows.push([load.streams, name, ...row(of)]);
    }
    return {
      title: 'Serving beside llama-server',
      notes: [
        `The demo model qwen3-tiny as GGUF (Q8_0), 2 threads, ${CONTEXT} tokens of context; each stream sends one request after another:`,
        `some 100 tokens of prompt, no two alike, and ${TOKENS} tokens of text at temperature 0, streamed. Medians of ${ROUNDS} rounds,`,
        `in each of which one server answers after the other. llama.cpp ${version}. Milliseconds.`,
      ],
      columns: ['streams', 'server', 'tokens/s', 'TTFT p50', 'TTFT p99', 'TPOT p50', 'TPOT p99'],
      rows,
    };
  } finally {
    for (const server of Object.values(servers)) server.close();
  }
}

function row(results: readonly LoadResult[]): string[] {
  const of = (value: (result: LoadResult) => number): number => median(results.map(value));
  const milliseconds = (values: (result: LoadResult) => readonly number[], share: number): string =>
    (1000 * of((result) => percentile(values(result), share))).toFixed(1);
  return [
    of(({ tokensPerSecond }) => tokensPerSecond).toFixed(0),
    milliseconds(({ timeToFirstToken }) => timeToFirstToken, 0.5),
    milliseconds(({ timeToFirstToken }) => timeToFirstToken, 0.99),
    milliseconds(({ timePerOutputToken }) => timePerOutputToken, 0.5),
    milliseconds(({ timePerOutputToken }) => timePerOutputToken, 0.99),
  ];
}

function demoFile(): string {
  const file = path.join(FOLDER, 'qwen3-tiny-Q8_0.gguf');
  const folder = path.join(import.meta.dirname, '../models/qwen3-tiny');
  fs.mkdirSync(FOLDER, { recursive: true });
  if (!fs.existsSync(file)) fs.writeFileSync(file, convertModel(folder, 'Q8_0'));
  return file;
}
