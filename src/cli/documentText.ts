/** Reports for terminals. */
import { cellText, type Block, type Document } from '../base/index.ts';
import type { Output } from './output.ts';
import { formatTable } from './table.ts';

/** Links are listed below the table that has them. */
export function documentText({ title, blocks }: Document, output: Output): string {
  return `${[output.mark('bold', title), ...blocks.map((block) => blockText(block, output))].join('\n\n')}\n`;
}

function blockText(block: Block, output: Output): string {
  switch (block.kind) {
    case 'heading':
      return output.mark('bold', block.text);
    case 'paragraph':
      return block.text;
    case 'list':
      return block.items.map((item) => `- ${cellText(item)}`).join('\n');
    case 'table':
      return formatTable(block.rows.map((row) => row.map(cellText)));
    case 'figure':
      return `${block.text}\n${block.caption}`;
  }
}
