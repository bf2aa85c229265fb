/**
 * Reports as data: headings, paragraphs, lists, tables and figures, and how they look in Markdown, HTML
 * and CSV. A cell is text, with a link where it has one.
 */

export type Cell =
  | string
  | { readonly text: string; readonly url: string | null; readonly tone?: Tone };
/** How a cell is coloured where there are colours. */
export type Tone = 'good' | 'fair' | 'bad' | 'open';

export type Block =
  | { readonly kind: 'heading'; readonly text: string; readonly level: 1 | 2 }
  | { readonly kind: 'paragraph'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly Cell[] }
  | { readonly kind: 'table'; readonly rows: readonly (readonly Cell[])[] }
  /** A drawing: SVG where there is room for one, text where there is not. */
  | {
      readonly kind: 'figure';
      readonly svg: string;
      readonly text: string;
      readonly caption: string;
    };

export interface Document {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export function heading(text: string, level: 1 | 2 = 2): Block {
  return { kind: 'heading', text, level };
}

export function paragraph(text: string): Block {
  return { kind: 'paragraph', text };
}

/** The first row is that of the headings. */
export function table(rows: readonly (readonly Cell[])[]): Block {
  return { kind: 'table', rows };
}

export function cellText(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text;
}

// ---- Markdown

export function toMarkdown({ title, blocks }: Document): string {
  return `${[`# ${title}`, ...blocks.map(markdownOf)].join('\n\n')}\n`;
}

function markdownOf(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `${'#'.repeat(block.level)} ${block.text}`;
    case 'paragraph':
      return block.text;
    case 'list':
      return block.items.map((item) => `- ${markdownCell(item)}`).join('\n');
    case 'table':
      return markdownTable(block.rows);
    case 'figure':
      return `\`\`\`\n${block.text}\n\`\`\`\n\n${block.caption}`;
  }
}

function markdownTable([first = [], ...rest]: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const escaped = (cells: readonly Cell[]): string =>
    line(cells.map((cell) => markdownCell(cell).replaceAll('|', '\\|').replaceAll('\n', ' ')));
  return [escaped(first), line(first.map(() => '---')), ...rest.map(escaped)].join('\n');
}

function markdownCell(cell: Cell): string {
  if (typeof cell === 'string') return cell;
  return cell.url === null ? cell.text : `[${cell.text}](${cell.url})`;
}

// ---- HTML

const STYLE = `:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}
td,th{border:1px solid #8886;padding:.25rem .5rem;text-align:left;vertical-align:top;font-variant-numeric:tabular-nums}
th{position:sticky;top:0;background:Canvas}
.good{background:#2a85}.fair{background:#da25}.bad{background:#d335}.open{background:#8883}
figure{margin:1rem 0}figcaption{opacity:.8}`;

/** One page that needs nothing else; `foot` is HTML of its own, as a script. */
export function toHtml({ title, blocks }: Document, foot = ''): string {
  const body = blocks.map(htmlOf).join('\n');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><h1>${escapeHtml(title)}</h1>
${body}
${foot}</body></html>
`;
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function htmlOf(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `<h${block.level}>${escapeHtml(block.text)}</h${block.level}>`;
    case 'paragraph':
      return `<p>${escapeHtml(block.text)}</p>`;
    case 'list':
      return `<ul>${block.items.map((item) => `<li>${htmlCell(item)}</li>`).join('\n')}</ul>`;
    case 'table':
      return htmlTable(block.rows);
    case 'figure':
      return `<figure>${block.svg}<figcaption>${escapeHtml(block.caption)}</figcaption></figure>`;
  }
}

function htmlTable([first = [], ...rest]: readonly (readonly Cell[])[]): string {
  const row = (cells: readonly Cell[], tag: 'td' | 'th'): string =>
    `<tr>${cells.map((cell) => `<${tag}${toneOf(cell)}>${htmlCell(cell)}</${tag}>`).join('')}</tr>`;
  const body = rest.map((cells) => row(cells, 'td')).join('\n');
  return `<table><thead>${row(first, 'th')}</thead><tbody>\n${body}\n</tbody></table>`;
}

function toneOf(cell: Cell): string {
  return typeof cell === 'string' || cell.tone === undefined ? '' : ` class="${cell.tone}"`;
}

function htmlCell(cell: Cell): string {
  if (typeof cell === 'string') return escapeHtml(cell);
  const text = escapeHtml(cell.text);
  return cell.url === null ? text : `<a href="${escapeHtml(cell.url)}">${text}</a>`;
}

// ---- CSV

/** The tables as CSV [RFC 4180], a blank line between two. */
export function toCsv({ blocks }: Document): string {
  const tables = blocks.flatMap((block) => (block.kind === 'table' ? [block.rows] : []));
  const lines = tables.map((rows) => rows.map((row) => row.map(csvCell).join(',')).join('\r\n'));
  return `${lines.join('\r\n\r\n')}\r\n`;
}

function csvCell(cell: Cell): string {
  const text = cellText(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
