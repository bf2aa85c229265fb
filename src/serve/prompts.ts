/** Texts to token ids, within what the context can hold. */
import type { Tokenizer } from '../model/index.ts';
import { tooLong } from './generation.ts';
import type { Service } from './service.ts';

/** Longer texts are encoded on another thread, where there is one. */
const LONG_CHARACTERS = 8192;

/** Encodes a text; one that is far too long for the context is refused before the work. */
export async function encodePrompt(
  text: string,
  { model, loop, encodeLong }: Service,
): Promise<number[]> {
  const least = Math.ceil(text.length / longestEntry(model.tokenizer));
  if (least > loop.contextTokens) throw tooLong(least, loop.contextTokens);
  if (text.length <= LONG_CHARACTERS || !encodeLong) return model.tokenizer.encode(text);
  return encodeLong(text);
}

/** Texts and token ids as token ids, one after another. */
export async function encodeAll(
  items: readonly (string | readonly number[])[],
  service: Service,
): Promise<(readonly number[])[]> {
  const encoded: (readonly number[])[] = [];
  for (const item of items)
    encoded.push(typeof item === 'string' ? await encodePrompt(item, service) : item);
  return encoded;
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
