/**
 * Rows of a table of n-grams by hash of the last tokens, exact in 64 bits [1].
 *
 *   hash_n = token[t]·m_0 ⊕ token[t−1]·m_1 ⊕ … ⊕ token[t−n+1]·m_(n−1)     row = hash_n mod rows of the part
 *
 * Products wrap around as signed numbers do; the remainder is never negative. From a token that ends a
 * text on backwards, every token counts as that one.
 *
 * [1] transformers, models/qwen4_exp/modeling_qwen4_exp.py, Qwen4ExpTextNGramEmbedding
 */
import { type NgramAttrs } from './ops.table.ts';

/** The row in each part of the table for the last token of `history`. */
export function ngramHashes(
  history: readonly number[],
  { multipliers, moduli, padding }: NgramAttrs,
): number[] {
  const longest = multipliers.length / 2;
  const products = lastTokens(history, longest, padding).map((token, j) =>
    BigInt.asIntN(64, BigInt(token) * multiplierAt(multipliers, j)),
  );
  return hashedRows(products, moduli);
}

/** The row in each part, of tokens times their multipliers, the newest first: as many parts for each size. */
export function hashedRows(products: readonly bigint[], moduli: readonly number[]): number[] {
  const parts = moduli.length / (products.length - 1);
  let [hash, first] = [products[0]!, 0];
  return moduli.map((modulus, part) => {
    if (part % parts === 0) hash ^= products[part / parts + 1]!;
    const row = first + remainder(hash, modulus);
    first += modulus;
    return row;
  });
}

/** The newest `count` tokens, the newest first; none of before the last that ended a text. */
function lastTokens(history: readonly number[], count: number, padding: number): number[] {
  const tokens = [history.at(-1)!];
  for (let j = 1; j < count; j++) {
    const ended = j > 1 && tokens[j - 1] === padding;
    tokens.push(ended ? padding : (history.at(-1 - j) ?? padding));
  }
  return tokens;
}

function multiplierAt(words: readonly number[], j: number): bigint {
  return (BigInt(words[2 * j]!) << 32n) | BigInt(words[2 * j + 1]!);
}

function remainder(hash: bigint, modulus: number): number {
  const rest = Number(hash % BigInt(modulus));
  return rest < 0 ? rest + modulus : rest;
}
