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

export function writeTable(name: string, table: Table): string {
  const { title, notes, columns, rows } = table;
  const lines = [columns, columns.map(() => '---'), ...rows];
  const page = [
    `# ${title}`,
    '',
    ...notes,
    '',
    ...lines.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    `Command: \`npm run bench -- ${name}\` · ${machine()} · ${new Date().toISOString().slice(0, 10)}`,
    '',
  ].join('\n');
  fs.mkdirSync(new URL('results/', import.meta.url), { recursive: true });
  fs.writeFileSync(new URL(`results/${name}.md`, import.meta.url), page);
  return page;
}

function machine(): string {
  const cpus = os.cpus();
  return `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown CPU'} (shared), Node ${process.versions.node}`;
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
