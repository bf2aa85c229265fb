/**
 * One layer of a model as a graph, with an embedding before it and a small head behind it: the
 * workloads of the timing levels. Shapes are those of the published configurations in catalogue/models
 * and below; weights are never read, except of what decides how long things take (routers).
 */
import { LAYER_NOISE, layerNoise } from '../src/explore/verify/layers.ts';
import { makeNode, tensor, type Graph, type Node, type WeightSource } from '../src/ir/index.ts';
import { buildGraph, readCatalogueModel } from '../src/model/index.ts';

/** Rows of the embedding table and of the head. */
const VOCABULARY = 256;

/** A layer of Qwen3-0.6B as the family builds it. */
export function qwen3Layer(): Graph {
  const { model } = readCatalogueModel('qwen3-0.6b');
  if (model.family !== 'qwen3') throw new Error('qwen3-0.6b must be of the family qwen3');
  const config = { ...model.config, num_hidden_layers: 1, vocab_size: VOCABULARY };
  const graph = buildGraph({ family: 'qwen3', config }, LAYER_NOISE, { logits: 'last' });
  return { ...graph, name: 'Qwen3-0.6B layer' };
}

/** Sizes of a DeepSeek-V4 layer that have matrix products. */
export interface V4Shape {
  readonly hidden: number;
  readonly queryRank: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly outputGroups: number;
  readonly outputRank: number;
  readonly experts: number;
  readonly expertsPerToken: number;
  readonly expertWidth: number;
}

/** config.json of deepseek-ai/DeepSeek-V4-Flash. */
export const V4_FLASH: V4Shape = {
  hidden: 4096,
  queryRank: 1024,
  heads: 64,
  headWidth: 512,
  outputGroups: 8,
  outputRank: 1024,
  experts: 256,
  expertsPerToken: 6,
  expertWidth: 2048,
};

/**
 * A layer of DeepSeek-V4's shapes from the operators there are.
 *
 * Counted: low-rank query with its two norms, the shared key-value row, attention of all heads over one
 * key head (keys = values), the grouped output projection and the one behind it, router, routed experts
 * and the shared one, residuals.
 * Left out: compressors, indexer, hyper-connections, sink, hash routing, clamp, the rotation undone after
 * attention. Different: rotation turns all channels of a head instead of the last 64; gates are sigmoid.
 */
export function v4Layer(shape: V4Shape): Graph {
  const b = new LayerBuilder();
  const { hidden } = shape;
  const x = b.embedding(hidden);
  const attended = b.node('add', [x, v4Attention(b, b.norm('attn_norm', x, hidden), shape)], {});
  const normal = b.norm('ffn_norm', attended, hidden);
  const y = b.node('add', [v4Experts(b, normal, shape), b.gatedMlp(normal, shape)], {});
  return b.finish('DeepSeek-V4 layer', b.node('add', [attended, y], {}), hidden);
}

function v4Attention(b: LayerBuilder, x: Node, shape: V4Shape): Node {
  const { hidden, queryRank, heads, headWidth, outputGroups, outputRank } = shape;
  const low = b.norm('q_norm', b.linear('wq_a', x, queryRank, hidden), queryRank);
  const wide = b.linear('wq_b', low, heads * headWidth, queryRank);
  const split = b.node('splitHeads', [wide], { heads });
  const query = b.rotate(b.norm('q_head_norm', split, headWidth), headWidth);
  const row = b.node('splitHeads', [b.linear('wkv', x, headWidth, hidden)], { heads: 1 });
  const kv = b.append('kv', b.rotate(b.norm('kv_norm', row, headWidth), headWidth), headWidth);
  const attrs = { scale: headWidth ** -0.5, valueWidth: headWidth };
  const o = b.node('attention', [query, kv, kv, b.position], attrs);
  const grouped = b.node('splitHeads', [b.node('mergeHeads', [o], {})], { heads: outputGroups });
  const group = (heads * headWidth) / outputGroups;
  const down = b.weight('wo_a', outputGroups, outputRank, group);
  const low2 = b.node('mergeHeads', [b.node('headLinear', [grouped, down], {}, 'wo_a')], {});
  return b.linear('wo_b', low2, hidden, outputGroups * outputRank);
}

function v4Experts(b: LayerBuilder, x: Node, shape: V4Shape): Node {
  const { hidden, experts, expertsPerToken: topK, expertWidth } = shape;
  const logits = b.linear('router', x, experts, hidden);
  const route = { topK, groups: 1, topGroups: 1, normalize: true, scale: 1.5 };
  const gates = b.node('route', [logits], { ...route, scoring: 'sigmoid' });
  const weights = [
    b.weight('experts.gate', experts, expertWidth, hidden),
    b.weight('experts.up', experts, expertWidth, hidden),
    b.weight('experts.down', experts, hidden, expertWidth),
  ];
  return b.node('experts', [x, gates, ...weights], {}, 'experts');
}

class LayerBuilder {
  readonly position = makeNode('input', [], { name: 'position', type: tensor('i32', ['B']) });
  readonly node = makeNode;
  private readonly weights = new Map<string, WeightSource>();
  private readonly states = new Map<string, Node>();

  weight(name: string, ...shape: number[]): Node {
    const elements = shape.reduce((product, extent) => product * extent, 1);
    this.weights.set(name, { name, shape, load: () => layerNoise(elements) });
    return makeNode('weight', [], { name, type: tensor('f32', shape) }, name);
  }

  embedding(hidden: number): Node {
    const type = tensor('i32', ['B', 'T']);
    const tokens = makeNode('input', [], { name: 'tokens', type });
    return makeNode('embedding', [tokens, this.weight('embed', VOCABULARY, hidden)], {}, 'embed');
  }

  linear(name: string, x: Node, N: number, K: number): Node {
    return makeNode('linear', [x, this.weight(name, N, K)], {}, name);
  }

  norm(name: string, x: Node, width: number): Node {
    return makeNode('rmsNormalization', [x, this.weight(name, width)], { epsilon: 1e-6 }, name);
  }

  rotate(x: Node, width: number): Node {
    const frequencies = Array.from({ length: width / 2 }, (_, i) => 1e4 ** ((-2 * i) / width));
    const attrs = { layout: 'interleaved', frequencies, magnitude: 1 } as const;
    return makeNode('rotaryEmbedding', [x, this.position], attrs, 'rotate');
  }

  append(name: string, rows: Node, width: number): Node {
    const state = makeNode('state', [], { name, type: tensor('f32', ['B', 'S', 1, width]) });
    const appended = makeNode('append', [state, rows, this.position], {}, name);
    this.states.set(name, appended);
    return appended;
  }

  gatedMlp(x: Node, { hidden, expertWidth }: V4Shape): Node {
    const gate = this.linear('shared.gate', x, expertWidth, hidden);
    const up = this.linear('shared.up', x, expertWidth, hidden);
    const product = makeNode('swiglu', [gate, up], {}, 'shared');
    return this.linear('shared.down', product, hidden, expertWidth);
  }

  finish(name: string, x: Node, hidden: number): Graph {
    const last = makeNode('lastToken', [x], {});
    const logits = this.linear('head', this.norm('norm', last, hidden), VOCABULARY, hidden);
    const next = makeNode('argMax', [logits], {}, 'head');
    const outputs = new Map([
      ['logits', logits],
      ['next', next],
    ]);
    return { name, outputs, states: this.states, weights: this.weights };
  }
}
