/** Ids around every character of planes 0 and 1, by hash against Hugging Face's library. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Tokenizer } from '../../src/model/index.ts';
import {
  NEWER_CODE_POINTS,
  openPublishedTokenizer,
  readTokenizerGolden,
} from '../text/goldenTokenizers.ts';

const BLOCK = 4096;
const SURROGATES = [0xd800, 0xdfff] as const;
const SKIPPED = [SURROGATES, ...NEWER_CODE_POINTS];

/** One for each way of splitting and normalising. */
for (const name of ['qwen3', 'qwen3_5', 'deepseek_v3', 'deepseek_v2', 'byte_level']) {
  test(`${name} splits at every character as Hugging Face does`, () => {
    const tokenizer = openPublishedTokenizer(name);
    const { sweep } = readTokenizerGolden(name);
    const different = sweep.flatMap((hash, block) =>
      hashOfBlock(tokenizer, block * BLOCK) === hash ? [] : [(block * BLOCK).toString(16)],
    );
    assert.deepEqual(different, []);
  });
}

function hashOfBlock(tokenizer: Tokenizer, start: number): string {
  const ids: number[][] = [];
  for (let point = start; point < start + BLOCK; point++) {
    if (!isSkipped(point)) ids.push(tokenizer.encode(around(String.fromCodePoint(point))));
  }
  return createHash('sha256').update(JSON.stringify(ids)).digest('hex').slice(0, 16);
}

function isSkipped(point: number): boolean {
  return SKIPPED.some(([first, last]) => first <= point && point <= last);
}

function around(character: string): string {
  return `a${character}1${character}${character} ${character}\n`;
}
