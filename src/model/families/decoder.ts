/** What the decoders of all families share: embedding, gated feed-forward, head. */
import type { Graph, Node } from '../../ir/index.ts';
import type { GraphBuilder } from './builder.ts';

export interface GraphOptions {
  /** Logits of the last token of each sequence, or of all. */
  readonly logits: 'last' | 'all';
  /**
   * What the last token of each sequence gives: logits of the next token, or in their place (as output
   * `logits` too) its own embedding, of length 1. Default: tokens.
   */
  readonly head?: 'tokens' | 'embedding';
  /** Also gives, as output `hidden` for all tokens, what a head of multi-token prediction reads. */
  readonly hidden?: boolean;
  /**
   * Latent attention (DeepSeek) as trained, with keys and values of every head in the state, or with
   * the up-projections absorbed into query and output, and only the latent in the state. Default: naive.
   */
  readonly latentAttention?: 'naive' | 'absorbed';
  /** Gated delta rules (Qwen3-Next, Qwen3.5) token by token, as defined, or in chunks. Default: recurrent. */
  readonly deltaRule?: 'recurrent' | 'chunked';
}

/** The fields of a configuration that these parts read. */
export interface DecoderConfig {
  readonly hidden_size: number;
  readonly vocab_size: number;
  readonly num_hidden_layers: number;
  readonly rms_norm_eps: number;
  readonly tie_word_embeddings: boolean;
}

/** Keeps the embedding of a row of zeros finite, and changes no other. */
const SMALLEST_SQUARE = 1e-24;

/** Tokens to logits around the layers, each of which maps x (B,T,D) to the next. */
export function buildDecoder(
  b: GraphBuilder,
  name: string,
  config: DecoderConfig,
  options: GraphOptions,
  layer: (x: Node, index: number) => Node,
): Graph {
  const { table, embedded } = embedTokens(b, config);
  let x = embedded;
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const input = x;
    x = b.within(`layers.${i}`, () => layer(input, i));
  }
  const normal = (rows: Node): Node => b.rmsNormalization(rows, 'norm', config.rms_norm_eps);
  const chosen = options.head === 'embedding' ? 'last' : options.logits;
  if (options.hidden) {
    const hidden = normal(x);
    return b.finish(name, { ...tokenHead(b, rowsOf(b, hidden, chosen), table, config), hidden });
  }
  const last = normal(rowsOf(b, x, chosen));
  if (options.head !== 'embedding') return b.finish(name, tokenHead(b, last, table, config));
  const unit = b.node('l2Normalization', [last], { epsilon: SMALLEST_SQUARE });
  return b.finish(name, { logits: unit, next: b.node('argMax', [unit], {}) });
}

/** The table of embeddings, and the rows (B,T,D) of the tokens. */
export function embedTokens(
  b: GraphBuilder,
  config: DecoderConfig,
): { readonly table: Node; readonly embedded: Node } {
  const table = b.weight('embed_tokens.weight', [config.vocab_size, config.hidden_size]);
  return { table, embedded: b.node('embedding', [b.tokens, table], {}, 'embed_tokens') };
}

/** The rows that logits are wanted of. */
export function rowsOf(b: GraphBuilder, x: Node, rows: GraphOptions['logits']): Node {
  return rows === 'last' ? b.node('lastToken', [x], {}) : x;
}

/** Logits of normalised rows, and the largest of each. */
export function tokenHead(
  b: GraphBuilder,
  normal: Node,
  table: Node,
  config: DecoderConfig,
): { readonly logits: Node; readonly next: Node } {
  const head = config.tie_word_embeddings
    ? table
    : b.rootWeight('lm_head.weight', [config.vocab_size, config.hidden_size]);
  const logits = b.node('linear', [normal, head], {}, 'lm_head');
  return { logits, next: b.node('argMax', [logits], {}) };
}

/** What a layer is made of: each part maps the normalised x (B,T,D) to what is added to x. */
export interface LayerParts {
  readonly mixer: (normal: Node) => Node;
  readonly feedForward: (normal: Node) => Node;
}

/** x + mixer(norm x), and to that the feed-forward of its own norm. */
export function residualLayer(
  b: GraphBuilder,
  x: Node,
  { rms_norm_eps: epsilon }: Pick<DecoderConfig, 'rms_norm_eps'>,
  { mixer, feedForward }: LayerParts,
): Node {
  const mixed = mixer(b.rmsNormalization(x, 'input_layernorm', epsilon));
  const sum = b.node('add', [x, mixed], {});
  const normal = b.rmsNormalization(sum, 'post_attention_layernorm', epsilon);
  return b.node('add', [sum, feedForward(normal)], {});
}

/** down(silu(gate x) · up x), with the weights of the module `scope`. */
export function gatedMlp(b: GraphBuilder, x: Node, scope: string, width: number, D: number): Node {
  return b.within(scope, () => {
    const gate = b.linear(x, 'gate_proj', width);
    const up = b.linear(x, 'up_proj', width);
    return b.linear(b.node('swiglu', [gate, up], {}), 'down_proj', D);
  });
}
