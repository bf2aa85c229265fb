/**
 * Classes of tokens that read alike, by which DeepSeek-V4.1's tables by n-gram are looked up: "The",
 * " the" and "THÉ" are one. Numbered as they first occur.
 *
 * A token's text is normalised (NFKC, NFD, no marks, lower case, runs of white space as one space, none
 * at the ends), unless nothing would be left; one that is part of a character counts as it is spelled.
 */
import type { Tokenizer } from './tokenizer.ts';

export interface TokenClasses {
  /** The class of each token. */
  readonly classes: readonly number[];
  readonly count: number;
}

export function tokenClasses(tokenizer: Tokenizer): TokenClasses {
  const known = new Map<string, number>();
  const classes = Array.from({ length: tokenizer.vocabularySize }, (_, id) => {
    const key = keyOf(tokenizer, id);
    const found = known.get(key) ?? known.size;
    known.set(key, found);
    return found;
  });
  return { classes, count: known.size };
}

const PART_OF_CHARACTER = '\ufffd';

function keyOf(tokenizer: Tokenizer, id: number): string {
  const text = tokenizer.decode([id]);
  if (text.includes(PART_OF_CHARACTER)) return tokenizer.entry(id) ?? '';
  return normalized(text) || text;
}

function normalized(text: string): string {
  const plain = text.normalize('NFKC').normalize('NFD').replaceAll(/\p{M}/gu, '');
  // Character by character, so that a sigma at the end of a word is as any other.
  const lower = Array.from(plain, (character) => character.toLowerCase()).join('');
  const spaced = lower.replaceAll(/[ \t\r\n]+/g, ' ');
  if (spaced === ' ') return spaced;
  return spaced.replaceAll(/^\p{White_Space}+|\p{White_Space}+$/gu, '');
}
