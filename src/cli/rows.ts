/** Rows of cells as text for a terminal, as Markdown, or as CSV (RFC 4180). */
import { formatTable } from './table.ts';

export const FORMATS = ['text', 'md', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** The first row is the heading. */
export function formatRows(rows: readonly (readonly string[])[], format: Format): string {
  if (format === 'text') return formatTable(rows);
  if (format === 'csv') return rows.map((row) => row.map(csvCell).join(',')).join('\n');
  const [heading, ...body] = rows.map((row) => `| ${row.map(markdownCell).join(' | ')} |`);
  return [heading!, `|${'---|'.repeat(rows[0]!.length)}`, ...body].join('\n');
}

function csvCell(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function markdownCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
