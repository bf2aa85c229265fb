/** What the servers are measured on. */
import type { MatrixType } from '../gguf/randomGguf.ts';
import type { ShapeName } from '../gguf/shapes.table.ts';
import type { Load } from './load.ts';

/** The demo model: its tokens are so quick that the work of the server shows. */
export const DEMO_LOADS: readonly Load[] = [
  { streams: 1, requestsOfStream: 8, promptWords: 60, generatedTokens: 64 },
  { streams: 8, requestsOfStream: 4, promptWords: 60, generatedTokens: 64 },
  { streams: 64, requestsOfStream: 2, promptWords: 60, generatedTokens: 64 },
];

/** Models of which one stream is as fast as their weights are read. */
export const LARGE_MODELS: readonly { readonly model: ShapeName; readonly format: MatrixType }[] = [
  { model: 'qwen3-0.6b', format: 'Q8_0' },
  { model: 'qwen3-0.6b', format: 'Q4_0' },
];

/** Short prompts: what several streams share is the reading of weights for each token. */
export const LARGE_LOADS: readonly Load[] = [
  { streams: 1, requestsOfStream: 2, promptWords: 6, generatedTokens: 64 },
  { streams: 8, requestsOfStream: 1, promptWords: 6, generatedTokens: 64 },
];
