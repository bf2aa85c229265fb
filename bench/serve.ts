/** celadon serve beside llama-server: the same file, the same machine, the same requests, by turns. */
import fs from 'node:fs';
import path from 'node:path';
import { convertModel } from '../test/gguf/convertModel.ts';
import { THREADS } from './cpu/engines.ts';
import { buildLlamaCpp, FOLDER, type LlamaCpp } from './cpu/llamaCpp.ts';
import { modelFile } from './cpu/modelFiles.ts';
import { percentile, runLoad, type Load, type LoadResult } from './serve/load.ts';
import { celadonServer, llamaServer } from './serve/servers.ts';
import { DEMO_LOADS, LARGE_LOADS, LARGE_MODELS } from './serve/workloads.table.ts';
import { median, type Table } from './table.ts';

const ROUNDS = Number(process.env['CELADON_BENCH_ROUNDS'] ?? 5);
const CONTEXT = 256;
/** Names of the models to measure, with commas between them; all without it. */
const CHOSEN = process.env['CELADON_BENCH_WORKLOADS']?.split(',');
const DEMO = 'qwen3-tiny Q8_0';

const COLUMNS = ['streams', 'server', 'tokens/s', 'TTFT p50', 'TTFT p99', 'TPOT p50', 'TPOT p99'];

/** Of one load on one server, in the order of the rounds. */
interface Measurement {
  readonly load: Load;
  readonly server: string;
  readonly results: readonly LoadResult[];
}

export async function benchServe(): Promise<Table[]> {
  const peer = buildLlamaCpp(FOLDER);
  const isChosen = (name: string): boolean => CHOSEN?.includes(name) ?? true;
  const demo = isChosen(DEMO) ? await measure(demoFile(), DEMO_LOADS, peer) : [];
  const large: (readonly [string, Measurement[]])[] = [];
  for (const { model, format } of LARGE_MODELS) {
    const name = `${model} ${format}`;
    if (!isChosen(name)) continue;
    large.push([name, await measure(modelFile({ model, format }), LARGE_LOADS, peer)]);
  }
  return [demoTable(demo, peer), largeTable(large)];
}

/** Every load on each server, one after the other in each round. */
async function measure(
  file: string,
  loads: readonly Load[],
  { bin }: LlamaCpp,
): Promise<Measurement[]> {
  const most = Math.max(...loads.map(({ streams }) => streams));
  const servers = {
    celadon: await celadonServer(file, CONTEXT, most),
    'llama-server': await llamaServer(path.join(bin, 'llama-server'), file, CONTEXT, most),
  };
  try {
    const measured: Measurement[] = [];
    for (const load of loads) {
      const results: Record<string, LoadResult[]> = { celadon: [], 'llama-server': [] };
      for (let round = 0; round < ROUNDS; round++) {
        console.error(`${path.basename(file)}, ${load.streams} streams: round ${round + 1}`);
        for (const [name, { base }] of Object.entries(servers))
          results[name]!.push(await runLoad(base, load, round * 1000));
      }
      for (const [server, of] of Object.entries(results))
        measured.push({ load, server, results: of });
    }
    return measured;
  } finally {
    for (const server of Object.values(servers)) server.close();
  }
}

function demoTable(measured: readonly Measurement[], { version }: LlamaCpp): Table {
  return {
    title: 'Serving beside llama-server',
    notes: [
      `The demo model qwen3-tiny as GGUF (Q8_0), ${THREADS} threads, ${CONTEXT} tokens of context; each stream sends one request after another:`,
      `some 100 tokens of prompt, no two alike, and 64 tokens of text at temperature 0, streamed. Medians of ${ROUNDS} rounds,`,
      `in each of which one server answers after the other. llama.cpp ${version}. Milliseconds.`,
    ],
    columns: COLUMNS,
    rows: measured.map(cells),
  };
}

function largeTable(models: readonly (readonly [string, readonly Measurement[]])[]): Table {
  return {
    title: 'Models that memory bounds',
    notes: [
      'The same with random weights, prompts of some 10 tokens and 64 tokens of text. The last column: tokens a second of',
      'all streams by those of one, on the same server.',
    ],
    columns: ['model', ...COLUMNS, '÷ 1 stream'],
    rows: models.flatMap(([name, measured]) =>
      measured.map((one) => {
        const single = measured.find(
          ({ server, load }) => server === one.server && load.streams === 1,
        );
        return [name, ...cells(one), (rateOf(one) / rateOf(single!)).toFixed(2)];
      }),
    ),
  };
}

function cells({ load, server, results }: Measurement): (string | number)[] {
  const milliseconds = (values: (result: LoadResult) => readonly number[], share: number): string =>
    (1000 * median(results.map((result) => percentile(values(result), share)))).toFixed(1);
  return [
    load.streams,
    server,
    rateOf({ results }).toFixed(0),
    milliseconds(({ timeToFirstToken }) => timeToFirstToken, 0.5),
    milliseconds(({ timeToFirstToken }) => timeToFirstToken, 0.99),
    milliseconds(({ timePerOutputToken }) => timePerOutputToken, 0.5),
    milliseconds(({ timePerOutputToken }) => timePerOutputToken, 0.99),
  ];
}

/** Tokens a second, the median of the rounds. */
function rateOf({ results }: Pick<Measurement, 'results'>): number {
  return median(results.map(({ tokensPerSecond }) => tokensPerSecond));
}

function demoFile(): string {
  const file = path.join(FOLDER, 'qwen3-tiny-Q8_0.gguf');
  const folder = path.join(import.meta.dirname, '../models/qwen3-tiny');
  fs.mkdirSync(FOLDER, { recursive: true });
  if (!fs.existsSync(file)) fs.writeFileSync(file, convertModel(folder, 'Q8_0'));
  return file;
}
