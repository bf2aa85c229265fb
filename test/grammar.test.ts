// A model that knows poems, made to answer as it is told: it cannot do otherwise.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { celadon } from './commandLine.ts';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-grammar-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

async function answer(option: string, content: string, ...more: string[]): Promise<string> {
  const file = path.join(scratch, 'shape');
  fs.writeFileSync(file, content);
  const prompt = ['run', 'qwen3-tiny', '--chat', '-p', '写诗。', '-n', '400', '--json'];
  const { stdout, stderr } = await celadon(...prompt, option, file, ...more);
  assert.equal(stderr, '');
  const { text, finishReason } = JSON.parse(stdout);
  assert.equal(finishReason, 'stop');
  return text;
}

test('an answer under a schema is valid JSON, at any temperature', async () => {
  const schema = {
    type: 'object',
    properties: {
      title: { type: 'string', minLength: 2, maxLength: 4 },
      year: { type: 'integer', minimum: 618, maximum: 907 },
      lines: {
        type: 'array',
        items: { type: 'string', pattern: '^[一-龥]{5}$' },
        minItems: 2,
        maxItems: 4,
      },
    },
    required: ['title', 'year', 'lines'],
    additionalProperties: false,
  };
  for (const temperature of ['0', '1.5']) {
    const text = await answer('--schema', JSON.stringify(schema), '--temperature', temperature);
    const { title, year, lines, ...rest } = JSON.parse(text);
    assert.deepEqual(rest, {});
    assert.match(title, /^.{2,4}$/su);
    assert.ok(year >= 618 && year <= 907);
    assert.ok(lines.length >= 2 && lines.length <= 4);
    for (const line of lines) assert.match(line, /^[一-龥]{5}$/u);
  }
});

test('an answer by a grammar is one of its texts', async () => {
  const text = await answer('--grammar', 'root ::= line "，" line "。"\nline ::= [一-龥]{7}');
  assert.match(text, /^[一-龥]{7}，[一-龥]{7}。$/u);
});
