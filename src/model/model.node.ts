/** A model in a folder or a GGUF file: configuration, weights, tokenizer and graph together. */
import path from 'node:path';
import { type Graph } from '../ir/index.ts';
import { readChatTemplate } from './chat.ts';
import { openChat } from './chat.node.ts';
import { type Chat } from './chat/format.ts';
import { parseModelConfig, type ModelConfig } from './checkpoint/config.ts';
import { type Checkpoint } from './checkpoint/checkpoint.ts';
import { openGguf } from './checkpoint/gguf/openGguf.node.ts';
import { chatConfigOfGguf, tokenizerOfGguf } from './checkpoint/gguf/vocabulary.ts';
import { openCheckpoint } from './checkpoint/openCheckpoint.node.ts';
import { type WeightReader } from './families/builder.ts';
import { type GraphOptions } from './families/decoder.ts';
import { buildGraph, buildPredictorGraph } from './model.ts';
import { Tokenizer } from './tokenizer.ts';
import { openTokenizer } from './tokenizer.node.ts';

export interface Model {
  /** The name of the folder, or of the file without its ending. */
  readonly name: string;
  readonly config: ModelConfig;
  readonly checkpoint: Checkpoint;
  /** Read when first asked for; throws if the model has none. */
  readonly tokenizer: Tokenizer;
  /** Read when first asked for; throws if the model has no format that is known. */
  readonly chat: Chat;
  /** Throws when a weight is absent or has another shape than the configuration says; reads none. */
  graph(options: GraphOptions): Graph;
  /** The head of multi-token prediction; throws as `graph` does, and UnsupportedError where there is none. */
  predictor(options: GraphOptions): Graph;
}

/** What a model's files hold. */
interface Opened {
  readonly checkpoint: Checkpoint;
  /** What the configuration was read from, for messages. */
  readonly configFile: string;
  openTokenizer(): Tokenizer;
  openChat(): Chat;
}

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
  const { checkpoint } = opened;
  const config = parseModelConfig(checkpoint.config, opened.configFile);
  let tokenizer: Tokenizer | undefined;
  let chat: Chat | undefined;
  const reader: WeightReader = {
    has: (name) => checkpoint.has(name),
    requireWeight: (...weight) => checkpoint.requireWeight(...weight),
    readF32: (...weight) => checkpoint.readF32(...weight),
    readRows: (...rows) => checkpoint.readRows(...rows),
    get tokenizer() {
      return (tokenizer ??= opened.openTokenizer());
    },
  };
  return {
    name: path.basename(path.resolve(location), GGUF),
    config,
    checkpoint,
    get tokenizer() {
      return reader.tokenizer!;
    },
    get chat() {
      return (chat ??= opened.openChat());
    },
    graph: (options) => buildGraph(config, reader, options),
    predictor: (options) => buildPredictorGraph(config, reader, options),
  };
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
