/** A model in a folder: configuration, weights, tokenizer and graph together. */
import path from 'node:path';
import { type Graph } from '../ir/index.ts';
import { openChat } from './chat.node.ts';
import { type Chat } from './chat/format.ts';
import { parseModelConfig, type ModelConfig } from './checkpoint/config.ts';
import { type Checkpoint } from './checkpoint/checkpoint.ts';
import { openCheckpoint } from './checkpoint/openCheckpoint.node.ts';
import { type GraphOptions } from './families/decoder.ts';
import { buildGraph } from './model.ts';
import { type Tokenizer } from './tokenizer.ts';
import { openTokenizer } from './tokenizer.node.ts';

export interface Model {
  /** The folder's own name. */
  readonly name: string;
  readonly config: ModelConfig;
  readonly checkpoint: Checkpoint;
  /** Read when first asked for; throws if the folder has none. */
  readonly tokenizer: Tokenizer;
  /** Read when first asked for; throws if the model has no format that is known. */
  readonly chat: Chat;
  /** Throws when a weight is absent or has another shape than the configuration says; reads none. */
  graph(options: GraphOptions): Graph;
}

/** Opens the model in `folder`: reads headers and configuration, no weights. Throws as openCheckpoint does. */
export function loadModel(folder: string): Model {
  const checkpoint = openCheckpoint(folder);
  const config = parseModelConfig(checkpoint.config, path.join(folder, 'config.json'));
  let tokenizer: Tokenizer | undefined;
  let chat: Chat | undefined;
  return {
    name: path.basename(path.resolve(folder)),
    config,
    checkpoint,
    get tokenizer() {
      return (tokenizer ??= openTokenizer(folder));
    },
    get chat() {
      return (chat ??= openChat(folder, checkpoint.config['model_type']));
    },
    graph: (options) => buildGraph(config, checkpoint, options),
  };
}
