import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../base/index.ts';
import { parseGeneration } from './generation.ts';

const WHERE = 'generation_config.json';

test('sampling defaults are taken from the file', () => {
  const stored = {
    do_sample: true,
    temperature: 0.6,
    top_k: 20,
    top_p: 0.95,
    eos_token_id: [5, 6],
  };
  assert.deepEqual(parseGeneration(stored, { eos_token_id: 7 }, WHERE), {
    doSample: true,
    temperature: 0.6,
    topK: 20,
    topP: 0.95,
    eosTokenIds: [5, 6],
  });
});

test('without a file sampling is plain and the model configuration names the end', () => {
  assert.deepEqual(parseGeneration({}, { eos_token_id: 7 }, WHERE), {
    doSample: false,
    temperature: 1,
    topK: 0,
    topP: 1,
    eosTokenIds: [7],
  });
  assert.deepEqual(parseGeneration({}, {}, WHERE).eosTokenIds, []);
});

test('values out of bounds are refused together', () => {
  assert.throws(() => parseGeneration({ temperature: -1, top_k: 0.5, top_p: 2 }, {}, WHERE), {
    name: FormatError.name,
    message:
      'temperature must be a number from 0 to 100, not -1; ' +
      'top_k must be an integer from 0 to 10000000, not 0.5; ' +
      'top_p must be a number from 0 to 1, not 2',
    where: WHERE,
  });
});
