/**
 * Attention of DeepSeek-V4.1: as in compressedAttention.ts a window and compressed entries with one key
 * head that is also the value, but few layers compress and few choose; the others read what the last of
 * those published [1].
 *
 *   entries   pooled without overlap or bias; of one token each (ratio 1), a projection
 *   index     keys are a projection of the entries before they are rotated
 *   blocks    one layer chooses blocks of entries, within which later layers choose theirs
 *
 * Queries have no norm of their own. Caches hold few bits by definition: windows e4m3 with a power of
 * two for 32 channels, entries e2m1 with an e4m3 scale for 16, index keys, and queries too, e2m1 with a
 * power of two for 32. The positive constants of index scores are left out.
 *
 * [1] https://huggingface.co/deepseek-ai/DeepSeek-V4.1-Flash
 */
import type { FakeQuantizeAttrs, Node } from '../../ir/index.ts';
import { CACHE_GROUP, type DeepseekV41Config } from '../checkpoint/deepseekV41Config.ts';
import type { GraphBuilder } from './builder.ts';
import { frequenciesOf, groupedOutput, rotateLast, split } from './compressedAttention.ts';

/** What layers have published for those after them. */
export interface Published {
  /** Entries (B,S,1,K) and their index keys (B,S,1,I). */
  readonly entries?: Node;
  readonly keys?: Node;
  /** Entries chosen for each token (B,T,k), and the blocks (B,T,n) that they must lie in. */
  readonly chosen?: Node;
  readonly blocks?: Node;
}

const WINDOW: FakeQuantizeAttrs = { format: 'e4m3', group: CACHE_GROUP, scale: 'powerOfTwo' };
const ENTRIES: FakeQuantizeAttrs = { format: 'e2m1', group: CACHE_GROUP / 2, scale: 'e4m3' };
const INDEX: FakeQuantizeAttrs = { format: 'e2m1', group: CACHE_GROUP, scale: 'powerOfTwo' };

/** The attention of layer `layer` on x (B,T,D) → (B,T,D), and what is published behind it. */
export function sharedAttention(
  b: GraphBuilder,
  x: Node,
  layer: number,
  config: DeepseekV41Config,
  before: Published,
): { readonly y: Node; readonly published: Published } {
  const { num_attention_heads: H, head_dim: K, rms_norm_eps: epsilon } = config;
  const ratio = config.compress_ratios[layer]!;
  const frequencies = frequenciesOf(ratio > 0, config);
  const source = b.rmsNormalization(b.linear(x, 'wq_a', config.q_lora_rank), 'q_norm', epsilon);
  const query = rotateLast(b, split(b, b.linear(source, 'wq_b', H * K), H), frequencies);
  const own = split(b, b.rmsNormalization(b.linear(x, 'wkv', K), 'kv_norm', epsilon), 1);
  const rows = b.node('fakeQuantize', [rotateLast(b, own, frequencies)], WINDOW);
  const published = publish(b, x, source, layer, config, before);
  const { entries, chosen } = published;
  const o = b.stateful(
    'windowAttention',
    `layers.${layer}.window`,
    [config.sliding_window, 1, K],
    [
      query,
      rows,
      b.weight('attn_sink', [H]),
      b.position,
      ...(ratio > 0 ? [entries!, chosen!] : []),
    ],
    { scale: K ** -0.5, ...(ratio > 0 && { tokensPerRow: ratio }) },
  );
  return { y: groupedOutput(b, o, frequencies, config), published };
}

/** What layers read from here on: with the entries and the choice of this one, if it makes any. */
function publish(
  b: GraphBuilder,
  x: Node,
  source: Node,
  layer: number,
  config: DeepseekV41Config,
  before: Published,
): Published {
  const compresses = config.kv_source_layer_ids.includes(layer);
  const kept = compresses ? { ...before, ...compressed(b, x, layer, config) } : before;
  if (!config.index_source_layer_ids.includes(layer)) return kept;
  return b.within('indexer', () => ({ ...kept, ...choice(b, x, source, layer, config, kept) }));
}

/** The entries of the tokens so far, and the keys by which they are chosen. */
function compressed(
  b: GraphBuilder,
  x: Node,
  layer: number,
  config: DeepseekV41Config,
): Required<Pick<Published, 'entries' | 'keys'>> {
  const { index_head_dim: I, rms_norm_eps: epsilon } = config;
  const ratio = config.compress_ratios[layer]!;
  const latent = b.within('compressor', () => latentOf(b, x, layer, config));
  const kept = (rows: Node, name: string, format: FakeQuantizeAttrs): Node => {
    const turned = rotateLast(b, split(b, rows, 1), frequenciesOf(true, config), 1 - ratio);
    const rounded = b.node('fakeQuantize', [turned], format);
    return b.append(`layers.${layer}.${name}`, rounded, ratio);
  };
  const entries = kept(latent, 'entries', ENTRIES);
  const keys = b.within('indexer', () =>
    kept(b.rmsNormalization(b.linear(latent, 'wk', I), 'k_norm', epsilon), 'index', INDEX),
  );
  return { entries, keys };
}

/** What an entry is before it is rotated (B,T,K), at the last token of each. */
function latentOf(b: GraphBuilder, x: Node, layer: number, config: DeepseekV41Config): Node {
  const { head_dim: K, rms_norm_eps: epsilon } = config;
  const ratio = config.compress_ratios[layer]!;
  const values = b.linear(x, 'wkv', K);
  if (ratio === 1) return b.rmsNormalization(values, 'norm', epsilon);
  const rows = b.node('concat', [values, b.linear(x, 'wgate', K)], {});
  const name = `layers.${layer}.recent`;
  const attrs = { tokensPerRow: ratio, overlap: false };
  const pooled = b.stateful('compress', name, [ratio - 1, 2 * K], [rows, b.position], attrs);
  return b.rmsNormalization(pooled, 'norm', epsilon);
}

/** The entries chosen for each token, within the blocks if any have been chosen. */
function choice(
  b: GraphBuilder,
  x: Node,
  source: Node,
  layer: number,
  config: DeepseekV41Config,
  { keys, blocks: within }: Published,
): Pick<Published, 'chosen' | 'blocks'> {
  const { index_n_heads: H, index_head_dim: I, candidate_block_size: blockRows } = config;
  const heads = split(b, b.linear(source, 'wq_b', H * I), H);
  const turned = rotateLast(b, heads, frequenciesOf(true, config));
  const query = b.node('fakeQuantize', [turned], INDEX);
  const inputs = [query, b.linear(x, 'weights_proj', H), keys!, b.position];
  const tokensPerRow = config.compress_ratios[layer]!;
  const attrs = { topK: config.index_topk, tokensPerRow };
  if (within !== undefined) {
    return { chosen: b.node('topRows', [...inputs, within], { ...attrs, blockRows }) };
  }
  const chosen = b.node('topRows', inputs, attrs);
  if (layer !== config.candidate_source_layer_id) return { chosen };
  const topK = config.candidate_topk_blocks;
  return { chosen, blocks: b.node('topBlocks', inputs, { topK, blockRows, tokensPerRow }) };
}
