/**
 * Engram [1]: memory by n-gram. The last 2, 3, … tokens, hashed by several heads, fetch rows of a table;
 * from them come a key for each residual stream and a value for all, which a stream takes up as far as
 * it agrees with its key.
 *
 * Tokens count by class (tokenClasses.ts), so that "The" and " the" fetch the same rows.
 *
 * [1] https://github.com/deepseek-ai/Engram; the constants of DeepSeek-V4.1 are in engramHash.ts
 */
import { FormatError, UsageError } from '../../base/index.ts';
import { wordsOf, type Node } from '../../ir/index.ts';
import type { DeepseekV41Config } from '../checkpoint/deepseekV41Config.ts';
import { tokenClasses } from '../tokenClasses.ts';
import type { Tokenizer } from '../tokenizer.ts';
import type { GraphBuilder } from './builder.ts';
import { engramModuli, engramMultipliers } from './engramHash.ts';

/** The token before the first where the configuration names none. */
const PADDING = 2;

/** The streams X (B,T,n,D) after the memory of layer `layer`, which is one of engram_layer_ids. */
export function engram(b: GraphBuilder, X: Node, layer: number, config: DeepseekV41Config): Node {
  const { hc_mult: n, hidden_size: D, engram_head_dim: width } = config;
  const rows = rowsOf(b, layer, config);
  return b.within('engram', () => {
    const size = config.engram_num_embeddings[config.engram_layer_ids.indexOf(layer)]!;
    const table = b.weight('embed.weight', [size, width]);
    const found = b.node('mergeHeads', [b.node('embedding', [rows, table], {}, 'embed')], {});
    const all = b.linear(found, 'wkv', (n + 1) * D);
    const part = (start: number, heads: number): Node =>
      b.node('splitHeads', [b.node('slice', [all], { start, size: heads * D })], { heads });
    const weights = ['q_weight', 'k_weight'].map((name) => b.weight(name, [n, D]));
    const epsilon = config.rms_norm_eps;
    const gate = b.node('nGramGate', [X, part(0, n), ...weights], { epsilon });
    const taken = b.node('mixHeads', [gate, part(n * D, 1)], {});
    return b.node('add', [X, taken], {});
  });
}

/** The rows (B,T,lengths·heads) of the layer's table that the last tokens stand for. */
function rowsOf(b: GraphBuilder, layer: number, config: DeepseekV41Config): Node {
  const { engram_max_ngram_size: N, engram_layer_ids: layers } = config;
  const index = layers.indexOf(layer);
  const heads = config.engram_n_heads;
  const moduli = engramModuli(layers.length, N - 1, heads, config.engram_vocab_size)[index]!;
  requireRows(moduli, config.engram_num_embeddings[index]!);
  const attrs = {
    multipliers: engramMultipliers(layer, N, config.engram_compressed_vocab_size).flatMap(wordsOf),
    moduli,
    padding: config.engram_pad_token_id ?? config.engram_pad_id ?? PADDING,
  };
  const classes = b.tokenTable('classes', config.vocab_size, (tokenizer) =>
    classesOf(tokenizer, config),
  );
  const inputs = [b.tokens, b.position, classes];
  return b.stateful('ngramRows', `layers.${layer}.tokens`, [N - 1], inputs, attrs);
}

function requireRows(moduli: readonly number[], given: number): void {
  const rows = moduli.reduce((sum, modulus) => sum + modulus, 0);
  if (rows === given) return;
  throw new FormatError(
    `the parts of a table by n-gram must add up to its rows, ${rows}, not ${given}`,
    {
      where: 'engram_num_embeddings',
      hint: 'with other parts every n-gram would fetch the rows of another',
    },
  );
}

/** The class of each token of the vocabulary; rows of the model without a token have class 0. */
function classesOf(tokenizer: Tokenizer | undefined, config: DeepseekV41Config): Float32Array {
  if (tokenizer === undefined) {
    throw new UsageError('a model with memory by n-gram must have its tokenizer, and has none', {
      hint: 'give the folder of a checkpoint with tokenizer.json',
    });
  }
  const { classes, count } = tokenClasses(tokenizer);
  const required = config.engram_compressed_vocab_size;
  if (count === required && classes.length <= config.vocab_size) {
    const table = new Float32Array(config.vocab_size);
    table.set(classes);
    return table;
  }
  throw new FormatError(
    `the tokenizer must have ${required} classes of at most ${config.vocab_size} tokens, ` +
      `not ${count} of ${classes.length}`,
    { where: 'tokenizer.json', hint: 'use the tokenizer that the model was published with' },
  );
}
