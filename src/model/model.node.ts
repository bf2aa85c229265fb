/** A model in a folder: configuration, weights, tokenizer and graph together. */
import path from 'node:path';
import { ShapeError } from '../base/index.ts';
import { type Graph } from '../ir/index.ts';
import { type ChatTemplate } from './chat.ts';
import { openChatTemplate } from './chat.node.ts';
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
  readonly chatTemplate: ChatTemplate;
  graph(options: GraphOptions): Graph;
}

/** Opens the model in `folder`: reads headers and configuration, no weights. Throws as openCheckpoint does. */
export function loadModel(folder: string): Model {
  const checkpoint = openCheckpoint(folder);
  const config = parseModelConfig(checkpoint.config, path.join(folder, 'config.json'));
  let tokenizer: Tokenizer | undefined;
  let chatTemplate: ChatTemplate | undefined;
  return {
    name: path.basename(path.resolve(folder)),
    config,
    checkpoint,
    get tokenizer() {
      return (tokenizer ??= openTokenizer(folder));
    },
    get chatTemplate() {
      return (chatTemplate ??= openChatTemplate(folder));
    },
    graph(options) {
      requireSameSizes(config, checkpoint);
      return buildGraph(config, checkpoint, options);
    },
  };
}

/**
 * Compares the sizes that decide how much there is to build with the headers, before anything is built:
 * a configuration of another model would otherwise be found out only when a weight is read.
 */
function requireSameSizes({ config }: ModelConfig, checkpoint: Checkpoint): void {
  const { vocab_size, hidden_size, num_hidden_layers } = config;
  requireShape(checkpoint, 'model.embed_tokens.weight', [vocab_size, hidden_size]);
  const last = num_hidden_layers - 1;
  requireShape(checkpoint, `model.layers.${last}.input_layernorm.weight`, [hidden_size]);
}

function requireShape(checkpoint: Checkpoint, name: string, required: readonly number[]): void {
  const { shape } = checkpoint.info(name);
  if (shape.join() === required.join()) return;
  throw new ShapeError(
    `tensor ${name} must have shape [${required.join(', ')}], not [${shape.join(', ')}]`,
    {
      where: checkpoint.folder,
      hint: 'check that config.json and the weights belong to the same model',
    },
  );
}
