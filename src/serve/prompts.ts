/** Texts to token ids, within what the context can hold. */
import type { Tokenizer } from '../model/index.ts';
import { tooLong } from './generation.ts';
import type { Service } from './service.ts';

/** Encodes a text; one that is far too long for the context is refused before the work. */
export function encodePrompt(text: string, { model, loop }: Service): number[] {
  const least = Math.ceil(text.length / longestEntry(model.tokenizer));
  if (least > loop.contextTokens) throw tooLong(least, loop.contextTokens);
  return model.tokenizer.encode(text);
}

const LONGEST = new WeakMap<Tokenizer, number>();

/** The most characters of a text that one token can stand for: it has at most as many as its entry. */
function longestEntry(tokenizer: Tokenizer): number {
  const known = LONGEST.get(tokenizer);
  if (known !== undefined) return known;
  let longest = 1;
  for (let id = 0; id < tokenizer.vocabularySize; id++) {
    longest = Math.max(longest, tokenizer.entry(id)?.length ?? 0);
  }
  LONGEST.set(tokenizer, longest);
  return longest;
}
