import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embeddingQuery, rerankerPrompt } from './retrieval.ts';

test('queries and documents are put into the words that the models were trained on', () => {
  assert.equal(embeddingQuery('chips?', 'Find chips'), 'Instruct: Find chips\nQuery:chips?');
  assert.equal(
    rerankerPrompt('chips?', 'Jade is a chip.'),
    '<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the ' +
      'Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n' +
      '<|im_start|>user\n<Instruct>: Given a web search query, retrieve relevant passages that answer the ' +
      'query\n<Query>: chips?\n<Document>: Jade is a chip.<|im_end|>\n' +
      '<|im_start|>assistant\n<think>\n\n</think>\n\n',
  );
});
