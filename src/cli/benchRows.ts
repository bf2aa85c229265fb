/** The results of `celadon bench` as Markdown, CSV and JSON, with the names of llama-bench's fields. */
import { formatBytes, formatCount } from '../base/index.ts';
import type { Chip } from '../chip/index.ts';
import type { DeviceBytes } from '../compile/index.ts';
import { timedTokens, type ThroughputSample, type ThroughputTest } from '../engine/index.ts';

export const BENCH_FORMATS = ['md', 'csv', 'json', 'jsonl'] as const;
export type BenchFormat = (typeof BENCH_FORMATS)[number];

/** The memory of the process by the end of a test. */
export interface MemoryUse {
  readonly peakBytes: number;
  readonly residentBytes: number;
  /** Of which a device has taken so much for the model; null where it does not count. */
  readonly model: DeviceBytes | null;
}

/** A test of a model on a target, and what was measured. */
export interface BenchRow {
  readonly model: string;
  /** Family, and the format of most of its bytes. */
  readonly modelType: string;
  readonly modelBytes: number;
  readonly parameters: number;
  readonly target: string;
  readonly chip: Chip | null;
  readonly processor: string;
  readonly test: ThroughputTest;
  /** ISO 8601. */
  readonly testTime: string;
  readonly memory: MemoryUse;
  readonly samples: readonly ThroughputSample[];
}

/** All rows in one of the formats, with a line feed at the end. */
export function formatBench(rows: readonly BenchRow[], format: BenchFormat): string {
  const fields = rows.map(fieldsOf);
  if (format === 'json') return `${JSON.stringify(fields)}\n`;
  if (format === 'jsonl') return `${fields.map((row) => JSON.stringify(row)).join('\n')}\n`;
  return format === 'csv' ? csv(fields) : markdown(rows);
}

/** What is resident, and how that compares with what cannot be less: weights and state. */
export function formatMemory({ residentBytes, peakBytes, model }: MemoryUse): string {
  const resident = `${formatBytes(residentBytes)} resident, ${formatBytes(peakBytes)} at most`;
  if (model === null) return resident;
  const { weights, state } = model;
  const percent = Math.round((100 * residentBytes) / (weights + state));
  return `${resident}; weights ${formatBytes(weights)}, state ${formatBytes(state)}: ${percent} % of the two`;
}

/** pp512, tg128; with `@ d1024` at a depth and `x8` of eight sequences. */
export function testName(test: ThroughputTest): string {
  const { promptTokens, generatedTokens, depthTokens, sequences } = test;
  const name = promptTokens > 0 ? `pp${promptTokens}` : `tg${generatedTokens}`;
  const depth = depthTokens > 0 ? ` @ d${depthTokens}` : '';
  return `${name}${sequences > 1 ? ` x${sequences}` : ''}${depth}`;
}

/** Mean, and standard deviation of a sample of more than one. */
export function meanAndDeviation(values: readonly number[]): [mean: number, deviation: number] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return [mean, values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0];
}

/** Tokens a second, of each repetition: of host time, or of the chip's clock where it has cycles. */
function ratesOf({ test, samples }: BenchRow): number[] {
  return samples.map(({ seconds }) => timedTokens(test) / seconds);
}

function chipRatesOf({ test, samples, chip }: BenchRow): number[] | null {
  if (chip === null || samples.some(({ cycles }) => cycles === null)) return null;
  return samples.map(({ cycles }) => (timedTokens(test) * chip.clockHz) / cycles!);
}

type Fields = Readonly<Record<string, string | number | null | readonly number[]>>;

function fieldsOf(row: BenchRow): Fields {
  const { test, samples, chip } = row;
  const nanoseconds = samples.map(({ seconds }) => Math.round(seconds * 1e9));
  const [avg_ns, stddev_ns] = meanAndDeviation(nanoseconds).map(Math.round) as [number, number];
  const rates = ratesOf(row);
  const [avg_ts, stddev_ts] = meanAndDeviation(rates);
  const onChip = chipRatesOf(row);
  return {
    model_filename: row.model,
    model_type: row.modelType,
    model_size: row.modelBytes,
    model_n_params: row.parameters,
    backends: row.target,
    chip: chip?.name ?? null,
    cpu_info: row.processor,
    n_prompt: test.promptTokens,
    n_gen: test.generatedTokens,
    n_depth: test.depthTokens,
    n_seq: test.sequences,
    test_time: row.testTime,
    avg_ns,
    stddev_ns,
    avg_ts,
    stddev_ts,
    chip_ts: onChip === null ? null : meanAndDeviation(onChip)[0],
    cycles: onChip === null ? null : samples[0]!.cycles,
    peak_memory: row.memory.peakBytes,
    resident_memory: row.memory.residentBytes,
    weights_memory: row.memory.model?.weights ?? null,
    state_memory: row.memory.model?.state ?? null,
    samples_ns: nanoseconds,
    samples_ts: rates,
  };
}

/** Without the samples, as llama-bench; every cell in quotes. */
function csv(rows: readonly Fields[]): string {
  const columns = Object.keys(rows[0]!).filter((name) => !name.startsWith('samples'));
  const quoted = (cell: unknown): string => `"${String(cell ?? '').replaceAll('"', '""')}"`;
  const lines = rows.map((row) => columns.map((name) => quoted(row[name])).join(','));
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}

function markdown(rows: readonly BenchRow[]): string {
  const cycles = rows.some((row) => chipRatesOf(row) !== null);
  const titles = ['model', 'size', 'params', 'backend', 'test', 't/s'];
  const heading = cycles ? [...titles, 't/s of the chip'] : titles;
  const rule = heading.map((_, i) => (i === 0 || i === 3 ? '---' : '---:'));
  return [heading, rule, ...rows.map((row) => cellsOf(row, cycles))]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('');
}

function cellsOf(row: BenchRow, cycles: boolean): string[] {
  const { modelType, modelBytes, parameters, target, chip, test } = row;
  const backend = chip === null ? target : `${target} ${chip.name}`;
  const onChip = chipRatesOf(row);
  return [
    modelType,
    formatBytes(modelBytes),
    formatCount(parameters),
    backend,
    testName(test),
    spread(ratesOf(row)),
    ...(cycles ? [onChip === null ? '' : spread(onChip)] : []),
  ];
}

function spread(rates: readonly number[]): string {
  const [mean, deviation] = meanAndDeviation(rates);
  return `${mean.toFixed(2)} ± ${deviation.toFixed(2)}`;
}
