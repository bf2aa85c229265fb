/**
 * Heads of multi-token prediction: from the hidden row of token t and the token after it, the one after
 * that [1, section 2.2].
 *
 *   h' = block(W [norm_e embed(token t+1) ; norm_h hidden(t)])     logits = head(norm h')
 *
 * Embedding and head are the model's. `hidden` is what the model's own head reads, after its last norm;
 * the technical report leaves that open, the makers' code and the engines [2] do not. So norm h' is the
 * hidden row of the next guess. A row of attention stands at the position of token t.
 *
 * [1] DeepSeek-V3 Technical Report, https://arxiv.org/abs/2412.19437
 * [2] https://github.com/ROCm/ATOM/pull/1764, https://github.com/vllm-project/vllm/pull/47448
 */
import type { Graph, Node } from '../../ir/index.ts';
import type { GraphBuilder } from './builder.ts';
import {
  embedTokens,
  rowsOf,
  tokenHead,
  type DecoderConfig,
  type GraphOptions,
} from './decoder.ts';

/** In what the heads of the families differ. */
export interface PredictorParts {
  /** Builds in the module that the checkpoint has the head in. */
  readonly inHead: (build: () => Node) => Node;
  /** Of the norms of embedding, hidden row and result, and of the linear that joins the first two. */
  readonly names: {
    readonly embedding: string;
    readonly hidden: string;
    readonly join: string;
    readonly result: string;
  };
  readonly block: (x: Node) => Node;
}

/** Reads `hidden` (B,T,D) beside the tokens that follow; gives `hidden` again beside the logits. */
export function buildPredictor(
  b: GraphBuilder,
  name: string,
  config: DecoderConfig,
  { logits: rows }: GraphOptions,
  { inHead, names, block }: PredictorParts,
): Graph {
  const { hidden_size: D, rms_norm_eps: epsilon } = config;
  const { table, embedded } = embedTokens(b, config);
  const hidden = inHead(() => {
    const parts = [
      b.rmsNormalization(embedded, names.embedding, epsilon),
      b.rmsNormalization(b.hidden(D), names.hidden, epsilon),
    ];
    const x = b.linear(b.node('concat', parts, {}), names.join, D);
    return b.rmsNormalization(block(x), names.result, epsilon);
  });
  return b.finish(name, { ...tokenHead(b, rowsOf(b, hidden, rows), table, config), hidden });
}
