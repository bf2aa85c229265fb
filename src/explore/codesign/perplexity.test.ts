import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { loadChip } from '../../chip/index.ts';
import { loadModel } from '../../model/index.ts';
import { perplexityOn, type Documents } from './perplexity.ts';

const FOLDER = new URL('../../../models/', import.meta.url);

test('formats of fewer bits cost perplexity, in their order', () => {
  const text = fs.readFileSync(new URL('valid.json', FOLDER), 'utf8');
  const documents: Documents = (JSON.parse(text) as { tokens: number[] }[])
    .slice(0, 8)
    .map(({ tokens }) => tokens);
  const model = loadModel(new URL('qwen3-tiny', FOLDER).pathname);
  const float = perplexityOn(model, undefined, documents);
  const [int8, fp4] = ['jade-edge', 'jade-nano'].map(
    (name) => perplexityOn(model, loadChip(name), documents) / float - 1,
  ) as [number, number];
  assert.ok(Math.abs(int8) < 0.005, `mxint8: ${int8}`);
  assert.ok(fp4 > Math.abs(int8) && fp4 < 0.05, `mxfp4: ${fp4}`);
});
