/** Routed experts of the Qwen models: the best few of all by softmax. */
import { lastDim, type Node } from '../../ir/index.ts';
import type { GraphBuilder } from './builder.ts';

/** The fields of a configuration that these parts read. */
export interface ExpertsConfig {
  readonly num_experts: number;
  readonly num_experts_per_tok: number;
  readonly moe_intermediate_size: number;
  /** Divide the gates of the chosen by their sum. */
  readonly norm_topk_prob: boolean;
}

/** The experts of the module, weighted, for x (B,T,D). */
export function routedExperts(b: GraphBuilder, x: Node, config: ExpertsConfig): Node {
  const { num_experts: E, moe_intermediate_size: F } = config;
  const gates = b.node('route', [b.linear(x, 'gate', E)], {
    scoring: 'softmax',
    topK: config.num_experts_per_tok,
    groups: 1,
    topGroups: 1,
    normalize: config.norm_topk_prob,
    scale: 1,
  });
  return b.node('experts', [x, gates, ...expertWeights(b, E, F, lastDim(x.type))], {});
}

/** gate and up (E,F,D), down (E,D,F): stored expert by expert, or in two stacked tensors. */
function expertWeights(b: GraphBuilder, E: number, F: number, D: number): Node[] {
  const both = 'experts.gate_up_proj';
  if (b.has(both)) {
    const half = (part: string, start: number): Node => {
      const range = { parts: E, partRows: 2 * F, start, count: F, stacked: true };
      return b.weightRows(both, part, range, [E, F, D]);
    };
    return [half('gate', 0), half('up', F), b.weight('experts.down_proj', [E, D, F])];
  }
  const stacked = (name: string, shape: number[]): Node =>
    b.stackedWeight('experts', `${name}.weight`, E, shape);
  return [stacked('gate_proj', [F, D]), stacked('up_proj', [F, D]), stacked('down_proj', [D, F])];
}
