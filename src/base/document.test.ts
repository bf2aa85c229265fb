import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heading, paragraph, table, toCsv, toHtml, toMarkdown, type Document } from './document.ts';

const DOCUMENT: Document = {
  title: 'A < B',
  blocks: [
    heading('Part'),
    paragraph('5 > 4 & "so on"'),
    table([
      ['chip', 'why'],
      [{ text: 'a|b', url: 'https://x.org/?a=1&b=2', tone: 'good' }, 'one, "two"'],
    ]),
    { kind: 'list', items: ['plain', { text: 'linked', url: 'https://y.org' }] },
    { kind: 'figure', svg: '<svg/>', text: '*', caption: 'A star.' },
  ],
};

test('Markdown: bars in cells are escaped, links are links, a figure is its text', () => {
  assert.equal(
    toMarkdown(DOCUMENT),
    '# A < B\n\n## Part\n\n5 > 4 & "so on"\n\n| chip | why |\n| --- | --- |\n| [a\\|b](https://x.org/?a=1&b=2) | one, "two" |\n\n- plain\n- [linked](https://y.org)\n\n```\n*\n```\n\nA star.\n',
  );
});

test('HTML: text is escaped, a figure is its drawing', () => {
  const html = toHtml(DOCUMENT);
  assert.match(html, /<title>A &lt; B<\/title>/);
  assert.match(html, /<p>5 &gt; 4 &amp; &quot;so on&quot;<\/p>/);
  assert.match(html, /<td class="good"><a href="https:\/\/x\.org\/\?a=1&amp;b=2">a\|b<\/a><\/td>/);
  assert.match(html, /<figure><svg\/><figcaption>A star\.<\/figcaption><\/figure>/);
});

test('CSV: the tables, quoted where RFC 4180 wants it', () => {
  assert.equal(toCsv(DOCUMENT), 'chip,why\r\na|b,"one, ""two"""\r\n');
});
