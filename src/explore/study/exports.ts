/** A study for other programs: CSV, JSON and Parquet. */
import type { ColumnSource } from 'hyparquet-writer';
import type { Column, ReadableStudy, Sheet, SheetCell } from './sheet.ts';
import { sheetOf } from './sheet.ts';
import { designOf } from './study.ts';

/** CSV [RFC 4180], a line at a time; numbers as JavaScript prints them, null as nothing. */
export function* csvLines(study: ReadableStudy): Generator<string> {
  const { columns, rows } = sheetOf(study);
  yield csvLine(columns.map(({ name }) => name));
  for (const row of rows()) yield csvLine(row);
}

function csvLine(cells: readonly SheetCell[]): string {
  const line = cells.map((cell) => {
    const text = cell === null ? '' : `${cell}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${line.join(',')}\r\n`;
}

/** One JSON object of the definition, the summary and the points, a chunk at a time. */
export function* jsonChunks(study: ReadableStudy): Generator<string> {
  const { definition, id, begun, summary = null } = study;
  yield `{"id":${JSON.stringify(id)},"begun":${JSON.stringify(begun)},"definition":${JSON.stringify(definition)},"summary":${JSON.stringify(summary)},"points":[`;
  let separator = '\n';
  for (const { point, evaluation } of study.points()) {
    yield `${separator}${JSON.stringify({ point, design: designOf(definition.axes, point), ...evaluation })}`;
    separator = ',\n';
  }
  yield '\n]}\n';
}

const PARQUET_TYPES: Readonly<Record<Column['type'], 'DOUBLE' | 'STRING' | 'BOOLEAN'>> = {
  number: 'DOUBLE',
  text: 'STRING',
  flag: 'BOOLEAN',
};

/** A Parquet file; `celadon` in its metadata is the definition as JSON. */
export async function parquetBytes(study: ReadableStudy): Promise<Uint8Array> {
  const { ByteWriter, parquetWriteRows } = await import('hyparquet-writer');
  const sheet = sheetOf(study);
  const columns = sheet.columns.map(({ name, type }): Omit<ColumnSource, 'data'> => ({
    ...{ name, nullable: true },
    type: PARQUET_TYPES[type],
  }));
  const writer = new ByteWriter();
  await parquetWriteRows({
    ...{ writer, columns, createdBy: 'celadon' },
    rows: namedRows(sheet),
    kvMetadata: [{ key: 'celadon', value: JSON.stringify(study.definition) }],
  });
  return writer.getBytes();
}

function* namedRows({ columns, rows }: Sheet): Generator<Record<string, SheetCell>> {
  for (const row of rows()) yield Object.fromEntries(columns.map(({ name }, i) => [name, row[i]!]));
}
