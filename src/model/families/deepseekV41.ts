/**
 * DeepSeek-V4.1-Flash: the layers of V4 with attention to contexts that few layers compress for all
 * (sharedAttention.ts), memory by n-gram in some layers (engram.ts), and experts by score everywhere.
 *
 * Residual streams are read with coefficients that lag: what a layer reads is Σ pre·X with the pre of
 * the layer before; attention of layer 0 reads the first stream, and the head what the last feed-forward
 * computed. The makers multiply an expert's inner row by its gate, we its result: equal but for rounding.
 * Left out: pictures (and the router's bias for them, bias_vl), and the layers for drafts.
 */
import type { Graph, Node } from '../../ir/index.ts';
import type { DeepseekV41Config } from '../checkpoint/deepseekV41Config.ts';
import { GraphBuilder, type WeightReader } from './builder.ts';
import type { GraphOptions } from './decoder.ts';
import { mixtureOfExperts } from './deepseekV4.ts';
import { engram } from './engram.ts';
import { collapse, embeddedStreams, spread, streamCoefficients } from './hyperConnections.ts';
import { sharedAttention, type Published } from './sharedAttention.ts';

/** Weights of the published checkpoint have no prefix. */
const ROOT = '';

/** The streams between two layers. */
interface Streams {
  /** (B,T,n,D) */
  readonly X: Node;
  /** Coefficients (B,T,n) that the next layer reads them with; of the first stream alone when absent. */
  readonly pre?: Node;
  readonly published: Published;
}

export function buildDeepseekV41(
  config: DeepseekV41Config,
  weights: WeightReader,
  { logits: rows }: GraphOptions,
): Graph {
  const b = new GraphBuilder(weights, { root: ROOT });
  const { vocab_size: V, hidden_size: D, rms_norm_eps: epsilon } = config;
  const X = embeddedStreams(b, config);
  let streams: Streams = { X, published: {} };
  for (let i = 0; i < config.num_hidden_layers; i++) streams = layer(b, streams, i, config);
  const last = read(b, streams, D);
  const x = rows === 'last' ? b.node('lastToken', [last], {}) : last;
  const logits = b.linear(b.rmsNormalization(x, 'norm', epsilon), 'head', V);
  return b.finish('deepseek_v41', { logits, next: b.node('argMax', [logits], {}) });
}

/** What a layer, or the head, reads (B,T,D). */
function read(b: GraphBuilder, { X, pre }: Streams, D: number): Node {
  if (pre !== undefined) return collapse(b, pre, X);
  return b.node('slice', [b.node('mergeHeads', [X], {})], { start: 0, size: D });
}

function layer(b: GraphBuilder, streams: Streams, i: number, config: DeepseekV41Config): Streams {
  return b.within(`layers.${i}`, () => {
    const remembers = config.engram_layer_ids.includes(i);
    const given = remembers ? { ...streams, X: engram(b, streams.X, i, config) } : streams;
    let { published } = given;
    const attended = sublayer(b, given, 'attn', config, (x) => {
      const result = sharedAttention(b, x, i, config, published);
      ({ published } = result);
      return result.y;
    });
    const fed = sublayer(b, attended, 'ffn', config, (x) => mixtureOfExperts(b, x, false, config));
    return { ...fed, published };
  });
}

/** The streams after the module `name`, which maps what it reads, normalised, to what it adds. */
function sublayer(
  b: GraphBuilder,
  streams: Streams,
  name: string,
  config: DeepseekV41Config,
  build: (x: Node) => Node,
): Streams {
  const parts = streamCoefficients(b, streams.X, `hc_${name}`, config);
  const u = read(b, streams, config.hidden_size);
  const x = b.rmsNormalization(u, `${name}_norm`, config.rms_norm_eps);
  const X = spread(
    b,
    streams.X,
    b.within(name, () => build(x)),
    parts,
  );
  return { ...streams, X, pre: parts.pre };
}
