/** Tables and bars for terminals. */

/** Cells in columns, two spaces apart; numbers (and what starts like one) to the right. */
export function formatTable(rows: readonly (readonly string[])[], indent = ''): string {
  const columns = Math.max(...rows.map(({ length }) => length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map((row) => displayWidth(row[i] ?? ''))),
  );
  const right = widths.map((_, i) => rows.slice(1).some((row) => /^[-+]?[0-9]/.test(row[i] ?? '')));
  return rows
    .map((row) => {
      const cells = row.map((cell, i) => pad(cell, widths[i]!, right[i]!));
      return `${indent}${cells.join('  ')}`.trimEnd();
    })
    .join('\n');
}

/** One bar a row: name, share of the whole as blocks, and the percentage. */
export function formatBars(
  rows: readonly { readonly name: string; readonly share: number }[],
  indent = '',
  width = 40,
): string {
  const cells = rows.map(({ name, share }) => [
    name,
    `${(100 * share).toFixed(1).padStart(5)} %`,
    bar(share, width),
  ]);
  const nameWidth = Math.max(...rows.map(({ name }) => displayWidth(name)));
  return cells
    .map(
      ([name, percent, blocks]) => `${indent}${pad(name!, nameWidth, false)} ${percent}  ${blocks}`,
    )
    .map((line) => line.trimEnd())
    .join('\n');
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar in eighths of a character; a share above zero is never invisible. */
function bar(share: number, width: number): string {
  const exact = Math.min(Math.max(share, 0), 1) * width * 8;
  const eighths = share > 0 ? Math.max(1, Math.round(exact)) : 0;
  return '█'.repeat(eighths >> 3) + EIGHTHS[eighths & 7];
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return right ? space + text : text + space;
}

/** Columns a terminal needs: two for each wide (CJK, full-width) character. */
function displayWidth(text: string): number {
  const wide = text.match(
    /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/g,
  );
  return [...text].length + (wide?.length ?? 0);
}
