/** Results of a benchmark as a Markdown page that says how it came about. */
import fs from 'node:fs';
import os from 'node:os';

export interface Table {
  readonly title: string;
  /** What the columns mean and how the figures were taken. */
  readonly notes: readonly string[];
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** Writes one page with all tables of a benchmark; returns it. */
export function writeTables(name: string, tables: readonly Table[]): string {
  const page = [
    ...tables.flatMap(linesOf),
    `Command: \`npm run bench -- ${name}\` · ${machine()} · ${new Date().toISOString().slice(0, 10)}`,
    '',
  ].join('\n');
  fs.mkdirSync(new URL('results/', import.meta.url), { recursive: true });
  fs.writeFileSync(new URL(`results/${name}.md`, import.meta.url), page);
  return page;
}

function linesOf({ title, notes, columns, rows }: Table): string[] {
  const lines = [columns, columns.map(() => '---'), ...rows];
  return [`# ${title}`, '', ...notes, '', ...lines.map((cells) => `| ${cells.join(' | ')} |`), ''];
}

function machine(): string {
  const cpus = os.cpus();
  return `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown CPU'} (shared), Node ${process.versions.node}`;
}

/** What `work` gives, and the CPU seconds it took. */
export function timed<T>(work: () => T): { readonly result: T; readonly seconds: number } {
  const start = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(start);
  return { result, seconds: (user + system) / 1e6 };
}

/** CPU seconds of one of many runs of `work`: the fastest of ten batches, as others share the machine. */
export function secondsOf(work: () => unknown): number {
  for (let i = 0; i < 20; i++) work();
  const once = timed(work).seconds;
  const count = Math.max(1, Math.ceil(0.1 / Math.max(once, 1e-7)));
  const batch = (): void => {
    for (let i = 0; i < count; i++) work();
  };
  return Math.min(...Array.from({ length: 10 }, () => timed(batch).seconds / count));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** 1.23e6 → 1.23 M */
export function engineering(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  return value >= 1e6 ? `${(value / 1e6).toFixed(2)} M` : `${(value / 1e3).toFixed(1)} k`;
}
