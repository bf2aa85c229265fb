/**
 * Layer programs: one layer of a model as a graph, with a small embedding before it and a small head
 * behind it. Weights are a fixed noise, of which only those that decide how long things take are read.
 */
import type { Graph } from '../../ir/index.ts';
import { buildGraph, type WeightReader } from '../../model/index.ts';

/** What is run at every level. */
export interface LayerProgram {
  readonly name: string;
  readonly graph: Graph;
  /** Of the step; undefined for as many as the chip holds. */
  readonly tokens: number | undefined;
  readonly contextTokens: number;
  /** Layers of the model that are like it; 1 when absent. */
  readonly layers?: number;
}

/** Rows of the embedding table and of the head. */
const VOCABULARY = 256;
/** Most experts: the simulator takes a minute for hundreds, of which a token skips all but a few. */
const EXPERTS = 32;

type Description = Parameters<typeof buildGraph>[0];

/**
 * The graphs of a model's layers, each kind once and by the number of its first layer: kinds differ in
 * what the configuration says of layers one by one (`layer_types`, `compress_ratios`, dense or routed).
 */
export function layerGraphs(
  name: string,
  model: Description,
): { name: string; graph: Graph; layers: number }[] {
  const count = model.config.num_hidden_layers;
  const layers = Array.from({ length: count }, (_, layer) => layer);
  const kinds = Map.groupBy(layers, (layer) => JSON.stringify(configOfLayer(model, layer)));
  return [...kinds.values()].map((alike) => {
    const layer = alike[0]!;
    const alone = { ...model, config: configOfLayer(model, layer) } as Description;
    const graph = buildGraph(alone, LAYER_NOISE, { logits: 'last' });
    return { name: `${name} layer ${layer}`, graph, layers: alike.length };
  });
}

/** Fields that count layers from the first, and what they are of a layer alone: 1 where it is one of them. */
const COUNTS_OF_FIRST = ['first_k_dense_replace', 'num_hash_layers'];
const EXPERT_COUNTS = ['n_routed_experts', 'num_experts'];
/** Lists of one entry a layer. */
const BY_LAYER = ['layer_types', 'compress_ratios'];

function configOfLayer({ config }: Description, layer: number): Description['config'] {
  const own: Record<string, unknown> = {
    ...config,
    num_hidden_layers: 1,
    vocab_size: VOCABULARY,
  };
  for (const field of COUNTS_OF_FIRST)
    if (field in own) own[field] = layer < (own[field] as number) ? 1 : 0;
  for (const field of EXPERT_COUNTS)
    if (field in own) own[field] = Math.min(EXPERTS, own[field] as number);
  for (const field of BY_LAYER) {
    const list = own[field];
    if (Array.isArray(list)) own[field] = [list[layer]];
  }
  return own as unknown as Description['config'];
}

/** Values in ±1/64 by a fixed rule: small enough that every chosen gate is larger than zero. */
export function layerNoise(count: number): Float32Array {
  const mixed = (i: number): number => Math.imul(i, 0x9e3779b1) >>> 16;
  return Float32Array.from({ length: count }, (_, i) => ((mixed(i) % 2001) - 1000) / 64e3);
}

/** Weights of layers whose values do not matter, but of routers: cycles depend on what is chosen. */
export const LAYER_NOISE: WeightReader = {
  has: () => false,
  requireWeight() {},
  readF32: (_, shape) => layerNoise(shape.reduce((product, extent) => product * extent, 1)),
};
