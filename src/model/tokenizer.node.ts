/** Opens the tokenizer of a checkpoint folder. */
import path from 'node:path';
import { readJsonFile } from './checkpoint/json.node.ts';
import { Tokenizer } from './tokenizer.ts';

const FILE = 'tokenizer.json';
const LIMIT_BYTES = 32 * 2 ** 20;

/** Read tokenizer.json of a folder. Throws UsageError without one, UnsupportedError or FormatError for its content. */
export function openTokenizer(folder: string): Tokenizer {
  return new Tokenizer(readJsonFile(folder, FILE, LIMIT_BYTES), path.join(folder, FILE));
}
