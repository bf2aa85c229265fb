import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { publishedFolder } from '../../test/text/goldenTokenizers.ts';
import { tokenClasses } from './tokenClasses.ts';
import { openTokenizer } from './tokenizer.node.ts';

/** SHA-256 of the classes as i32, from the normalisers of Hugging Face's tokenizers 0.23.3. */
const REQUIRED = 'c60a86322ec17b4142bfef3c57a8d81fb428550cdf487f88a4320cb59fe46481';

test('the tokens of DeepSeek have the 99 092 classes of the published model', () => {
  const { classes, count } = tokenClasses(openTokenizer(publishedFolder('deepseek_v4')));
  assert.equal(classes.length, 129_280);
  assert.equal(count, 99_092);
  const hash = createHash('sha256').update(new Uint8Array(Int32Array.from(classes).buffer));
  assert.equal(hash.digest('hex'), REQUIRED);
});
