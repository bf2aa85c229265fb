/** Opens the chat template of a checkpoint folder. */
import fs from 'node:fs';
import path from 'node:path';
import { decodeUtf8, readWholeFile } from '../base/index.ts';
import { readChatTemplate } from './chat.ts';
import type { ChatTemplate } from './chat.ts';
import { readJsonFile } from './checkpoint/json.node.ts';

const CONFIG = 'tokenizer_config.json';
/** Where newer versions of transformers put the template instead. */
const TEMPLATE = 'chat_template.jinja';
const LIMIT_BYTES = 16 * 2 ** 20;

/** Read the chat template of a folder. Throws UnsupportedError when the model has none. */
export function openChatTemplate(folder: string): ChatTemplate {
  const config = fs.existsSync(path.join(folder, CONFIG)) ? readJsonFile(folder, CONFIG) : {};
  const file = path.join(folder, TEMPLATE);
  if (!fs.existsSync(file)) return readChatTemplate(config, path.join(folder, CONFIG));
  const source = decodeUtf8(readWholeFile(file, LIMIT_BYTES), file);
  return readChatTemplate(config, file, source);
}
