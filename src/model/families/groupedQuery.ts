/** Grouped-query attention, as all Qwen models have it, with what differs between them left open. */
import { lastDim, type Node } from '../../ir/index.ts';
import type { YarnScaling } from '../checkpoint/rope.ts';
import type { GraphBuilder } from './builder.ts';
import { rotaryConstants, type RotaryConstants } from './rotary.ts';

/** The fields of a configuration that these parts read. */
export interface AttentionConfig {
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly rope_theta: number;
  readonly rope_scaling: YarnScaling | null;
}

/** Queries (B,T,H,K), keys and values (B,T,G,K), before rotation. */
export interface Projections {
  readonly query: Node;
  readonly key: Node;
  readonly value: Node;
}

/**
 * Rotates the first channels of each head of x (B,T,H,K), as many as the frequencies have pairs, from `offset`
 * tokens before or after each.
 */
export function rotateFirst(
  b: GraphBuilder,
  x: Node,
  { frequencies, magnitude }: Pick<RotaryConstants, 'frequencies' | 'magnitude'>,
  offset?: number,
): Node {
  const [K, rotated] = [lastDim(x.type), 2 * frequencies.length];
  const attrs = { layout: 'half', frequencies, magnitude } as const;
  const rotate = (rows: Node): Node =>
    b.node('rotaryEmbedding', [rows, b.position], {
      ...attrs,
      ...(offset !== undefined && { offset }),
    });
  if (rotated === K) return rotate(x);
  const rest = b.node('slice', [x], { start: rotated, size: K - rotated });
  const first = b.node('slice', [x], { start: 0, size: rotated });
  return b.node('concat', [rotate(first), rest], {});
}

/**
 * What H heads (B,T,H,K) see of the G rows of each token so far, or of those `chosen`. Rotates the first
 * `rotated` channels.
 */
export function attend(
  b: GraphBuilder,
  { query, key, value }: Projections,
  layer: number,
  config: AttentionConfig,
  rotated = config.head_dim,
  chosen?: Node,
): Node {
  const { head_dim: K, rope_theta, rope_scaling } = config;
  const constants = rotaryConstants(rotated, rope_theta, rope_scaling);
  const turned = (rows: Node): Node => rotateFirst(b, rows, constants);
  const keys = b.append(`layers.${layer}.k`, turned(key));
  const values = b.append(`layers.${layer}.v`, value);
  const inputs = [turned(query), keys, values, b.position, ...(chosen ? [chosen] : [])];
  return b.node('attention', inputs, { scale: K ** -0.5, valueWidth: K });
}
