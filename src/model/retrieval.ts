/**
 * What Qwen3-Embedding [1] and Qwen3-Reranker [2] were trained to read. Documents to embed are given as
 * they are; every text ends with the end-of-text token, at which the embedding is taken.
 *
 * [1] https://huggingface.co/Qwen/Qwen3-Embedding-0.6B
 * [2] https://huggingface.co/Qwen/Qwen3-Reranker-0.6B
 */

/** Ends every text that is embedded. */
export const END_OF_TEXT = '<|endoftext|>';

/** What is asked when nothing else is said. */
export const SEARCH_TASK =
  'Given a web search query, retrieve relevant passages that answer the query';

/** A query to embed: what is looked for, and the task that it serves. */
export function embeddingQuery(query: string, task = SEARCH_TASK): string {
  return `Instruct: ${task}\nQuery:${query}`;
}

const JUDGE =
  'Judge whether the Document meets the requirements based on the Query and the Instruct provided. ' +
  'Note that the answer can only be "yes" or "no".';

/** A query and a document to judge: the model goes on with `yes` or `no`. */
export function rerankerPrompt(query: string, document: string, task = SEARCH_TASK): string {
  return [
    `<|im_start|>system\n${JUDGE}<|im_end|>\n`,
    `<|im_start|>user\n<Instruct>: ${task}\n<Query>: ${query}\n<Document>: ${document}<|im_end|>\n`,
    '<|im_start|>assistant\n<think>\n\n</think>\n\n',
  ].join('');
}
