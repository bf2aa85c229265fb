/**
 * Rows of a table of n-grams by hash of the last tokens, exact in 64 bits [1][2].
 *
 *   hash_n = id[t]·m_0 ⊕ id[t−1]·m_1 ⊕ … ⊕ id[t−n+1]·m_(n−1)     row = hash_n mod rows of the part
 *
 * An id is the token, or the class of the token where there are classes. Products wrap around as signed
 * numbers do; the remainder is never negative. The id of the padding stands for what is before the first
 * token and, where it ends texts, for all that is before it.
 *
 * [1] transformers, models/qwen4_exp/modeling_qwen4_exp.py, Qwen4ExpTextNGramEmbedding
 * [2] https://github.com/deepseek-ai/Engram
 */
import { UsageError } from '../base/index.ts';
import type { NgramAttrs } from './ops.table.ts';

/** The last ids of a sequence, the oldest first, all of the padding where one starts. */
export function startOfNgrams(attrs: NgramAttrs, classes?: Float32Array): Float32Array {
  const { multipliers, padding } = attrs;
  return new Float32Array(multipliers.length / 2 - 1).fill(idOf(padding, classes));
}

/**
 * The rows [tokens][parts] for tokens that follow the ids `past`, which then holds the last ids.
 * Throws UsageError for a token without a class.
 */
export function ngramRowsOf(
  tokens: Int32Array,
  past: Float32Array,
  attrs: NgramAttrs,
  classes?: Float32Array,
): Int32Array {
  const parts = attrs.moduli.length;
  const multipliers = past.length + 1;
  const padding = idOf(attrs.padding, classes);
  const ids = [...past, ...Array.from(tokens, (token) => idOf(token, classes))];
  const out = new Int32Array(tokens.length * parts);
  for (let t = 0; t < tokens.length; t++) {
    const newestFirst = ids.slice(t, t + multipliers).toReversed();
    const seen = attrs.endsText === true ? withinText(newestFirst, padding) : newestFirst;
    out.set(hashedRows(seen, attrs), t * parts);
  }
  past.set(ids.slice(tokens.length));
  return out;
}

/** An unsigned number of 64 bits as two words, the high one first. */
export function wordsOf(value: bigint): [number, number] {
  return [Number(value >> 32n), Number(value & 0xffffffffn)];
}

function idOf(token: number, classes: Float32Array | undefined): number {
  const id = classes === undefined ? token : classes[token];
  if (id !== undefined) return id;
  throw new UsageError(`token must be an id from 0 to ${classes!.length - 1}, not ${token}`);
}

/** A text is over at the padding: older ids count as it. The newest one does not hide what it ends. */
function withinText(newestFirst: readonly number[], padding: number): number[] {
  const end = newestFirst.indexOf(padding, 1);
  return newestFirst.map((id, j) => (end > 0 && j > end ? padding : id));
}

/** The row in each part: as many parts for each size of n-gram, behind each other. */
function hashedRows(newestFirst: readonly number[], { multipliers, moduli }: NgramAttrs): number[] {
  const products = newestFirst.map((id, j) =>
    BigInt.asIntN(64, BigInt(id) * multiplierAt(multipliers, j)),
  );
  const parts = moduli.length / (products.length - 1);
  let [hash, first] = [products[0]!, 0];
  return moduli.map((modulus, part) => {
    if (part % parts === 0) hash ^= products[part / parts + 1]!;
    const row = first + remainder(hash, modulus);
    first += modulus;
    return row;
  });
}

function multiplierAt(words: readonly number[], j: number): bigint {
  return (BigInt(words[2 * j]!) << 32n) | BigInt(words[2 * j + 1]!);
}

function remainder(hash: bigint, modulus: number): number {
  const rest = Number(hash % BigInt(modulus));
  return rest < 0 ? rest + modulus : rest;
}
