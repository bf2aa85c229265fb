/** A model whose files are open: configuration, weights, tokenizer and graph together. */
import type { Graph } from '../ir/index.ts';
import type { Chat } from './chat/format.ts';
import { parseModelConfig, type ModelConfig } from './checkpoint/config.ts';
import type { Checkpoint } from './checkpoint/checkpoint.ts';
import type { WeightReader } from './families/builder.ts';
import type { GraphOptions } from './families/decoder.ts';
import { buildGraph, buildPredictorGraph } from './model.ts';
import type { Tokenizer } from './tokenizer.ts';

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
export interface Opened {
  readonly checkpoint: Checkpoint;
  /** What the configuration was read from, for messages. */
  readonly configFile: string;
  openTokenizer(): Tokenizer;
  openChat(): Chat;
}

/** The model of opened files. Throws as parseModelConfig does. */
export function modelOf(name: string, opened: Opened): Model {
  const { checkpoint } = opened;
  const config = parseModelConfig(checkpoint.config, opened.configFile);
  let tokenizer: Tokenizer | undefined;
  let chat: Chat | undefined;
  const reader: WeightReader = {
    has: (weight) => checkpoint.has(weight),
    requireWeight: (...weight) => checkpoint.requireWeight(...weight),
    readF32: (...weight) => checkpoint.readF32(...weight),
    readRows: (...rows) => checkpoint.readRows(...rows),
    storedRows: (weight) => checkpoint.storedRows(weight),
    storedPart: (...part) => checkpoint.storedPart(...part),
    get tokenizer() {
      return (tokenizer ??= opened.openTokenizer());
    },
  };
  return {
    name,
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
