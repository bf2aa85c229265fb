/** Opens the chat format of a checkpoint folder. */
import fs from 'node:fs';
import path from 'node:path';
import { decodeUtf8, readWholeFile } from '../base/index.ts';
import { readChatTemplate } from './chat.ts';
import { chatOfModelType } from './chat/format.ts';
import type { Chat } from './chat/format.ts';
import { readJsonFile } from './checkpoint/json.node.ts';

const CONFIG = 'tokenizer_config.json';
/** Where newer versions of transformers put the template instead. */
const TEMPLATE = 'chat_template.jinja';
const LIMIT_BYTES = 16 * 2 ** 20;

/**
 * The chat format of a folder: its template, or what Celadon knows of its `modelType`. Throws
 * UnsupportedError when there is neither.
 */
export function openChat(folder: string, modelType?: unknown): Chat {
  const config = fs.existsSync(path.join(folder, CONFIG)) ? readJsonFile(folder, CONFIG) : {};
  const where = path.join(folder, CONFIG);
  const file = path.join(folder, TEMPLATE);
  if (fs.existsSync(file))
    return readChatTemplate(config, file, decodeUtf8(readWholeFile(file, LIMIT_BYTES), file));
  const known = 'chat_template' in config ? undefined : chatOfModelType(modelType);
  return known ?? readChatTemplate(config, where);
}
