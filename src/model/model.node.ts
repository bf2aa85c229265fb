/** Opens a model in a folder or a GGUF file. */
import path from 'node:path';
import { readChatTemplate } from './chat.ts';
import { openChat } from './chat.node.ts';
import { openGguf } from './checkpoint/gguf/openGguf.node.ts';
import { chatConfigOfGguf, tokenizerOfGguf } from './checkpoint/gguf/vocabulary.ts';
import { openCheckpoint } from './checkpoint/openCheckpoint.node.ts';
import { modelOf, type Model, type Opened } from './openedModel.ts';
import { Tokenizer } from './tokenizer.ts';
import { openTokenizer } from './tokenizer.node.ts';

const GGUF = '.gguf';

/** Whether the model at this path is one file. */
export function isGgufFile(location: string): boolean {
  return location.endsWith(GGUF);
}

/**
 * Opens the model in a folder, or in a file that ends in `.gguf`: reads headers and configuration, no
 * weights. Throws as openCheckpoint and openGguf do.
 */
export function loadModel(location: string): Model {
  const opened = isGgufFile(location) ? openFile(location) : openFolder(location);
  return modelOf(nameOf(path.resolve(location)), opened);
}

/** The name of the folder or file; of a snapshot in the cache of a hub, that of the model. */
function nameOf(location: string): string {
  const [, hubName] =
    /models--[^/\\]+?--([^/\\]+)[/\\]snapshots[/\\][0-9a-f]{40}$/.exec(location) ?? [];
  return hubName ?? path.basename(location, GGUF);
}

function openFolder(folder: string): Opened {
  const checkpoint = openCheckpoint(folder);
  return {
    checkpoint,
    configFile: path.join(folder, 'config.json'),
    openTokenizer: () => openTokenizer(folder),
    openChat: () => openChat(folder, checkpoint.config['model_type']),
  };
}

function openFile(file: string): Opened {
  const { checkpoint, metadata } = openGguf(file);
  return {
    checkpoint,
    configFile: `metadata of ${file}`,
    openTokenizer: () => new Tokenizer(tokenizerOfGguf(metadata, file), file),
    openChat: () => readChatTemplate(chatConfigOfGguf(metadata), file),
  };
}
