/**
 * Text to token ids and back.
 *
 * Words are found by @huggingface/tokenizers and encoded by bytePairs.ts. Decoding is done here on
 * bytes, since the ids of byte-level BPE are byte strings: one path serves whole sequences and
 * streams, so the pieces of a stream always add up to the text of the whole.
 */
import { Tokenizer as BpeEncoder } from '@huggingface/tokenizers';
import { problemsError, UsageError } from '../base/index.ts';
import type { JsonRecord } from '../base/index.ts';
import { bytesOfEntry, spell } from './byteAlphabet.ts';
import { BytePairs } from './bytePairs.ts';
import { exactSplits } from './preTokenizer.ts';
import type { TextList } from './textList.ts';
import { checkTokenizerFile } from './tokenizerFile.ts';
import type { AddedToken } from './tokenizerFile.ts';

/** How ids are turned into text. */
export interface DecodeOptions {
  /** Leave out tokens that are marked special, such as the end of a turn; false if not given. */
  readonly skipSpecial?: boolean;
}

/** What ids stand for: entries of the BPE vocabulary, or added tokens. */
interface TokenTable {
  readonly entries: TextList;
  readonly addedTokens: ReadonlyMap<number, AddedToken>;
}

/** A byte-level BPE tokenizer. */
export class Tokenizer {
  readonly #encoder: BpeEncoder;
  readonly #table: TokenTable;
  /** One more than the largest id; a model may have more rows, as padding. */
  readonly vocabularySize: number;
  /** Ids of the tokens marked special, by their text. */
  readonly specialTokens: ReadonlyMap<string, number>;

  /** Take a parsed tokenizer.json; `where` names it in messages. Throws UnsupportedError or FormatError. */
  constructor(file: JsonRecord, where: string) {
    const { entries, addedTokens, ids, merges, ignoreMerges } = checkTokenizerFile(file, where);
    const { preTokenizer, spells } = exactSplits(file['pre_tokenizer']);
    this.#encoder = createEncoder(file, preTokenizer, where);
    const pairs = new BytePairs(ids, merges, ignoreMerges, spells ? spell : (word) => word);
    const encodeWords = (words: readonly string[]): string[] => pairs.encode(words);
    // Of the ids the library only looks texts up.
    const tokens_to_ids = ids as unknown as Map<string, number>;
    this.#encoder.model = Object.assign(encodeWords, { tokens_to_ids });
    this.#table = {
      entries,
      addedTokens: new Map(addedTokens.map((token) => [token.id, token])),
    };
    this.vocabularySize = addedTokens.reduce(
      (size, { id }) => Math.max(size, id + 1),
      entries.length,
    );
    const special = addedTokens.filter((token) => token.special);
    this.specialTokens = new Map(special.map(({ content, id }) => [content, id]));
  }

  /** How the vocabulary spells a token: in the byte alphabet, or the text of an added token. */
  entry(id: number): string | undefined {
    const { entries, addedTokens } = this.#table;
    return addedTokens.get(id)?.content ?? entries.at(id);
  }

  /** The bytes that a token stands for; none for an id without a token. */
  bytesOf(id: number): Uint8Array {
    const added = this.#table.addedTokens.get(id);
    if (added) return new TextEncoder().encode(added.content);
    return bytesOfEntry(this.#table.entries.at(id) ?? '');
  }

  /**
   * The bytes of each token that is text; undefined for ids without one, and for added tokens but those of the
   * texts `added`.
   */
  tokenBytes(added: readonly string[] = []): (Uint8Array | undefined)[] {
    const { entries, addedTokens } = this.#table;
    return Array.from({ length: this.vocabularySize }, (_, id) => {
      const mark = addedTokens.get(id)?.content;
      if (mark !== undefined) return added.includes(mark) ? this.bytesOf(id) : undefined;
      const entry = entries.at(id);
      return entry === undefined ? undefined : bytesOfEntry(entry);
    });
  }

  /** The texts of added tokens. */
  addedTexts(): string[] {
    return Array.from(this.#table.addedTokens.values(), ({ content }) => content);
  }

  /** Encode text. Added tokens in it are recognised; nothing is put before or after; a surrogate alone counts as U+FFFD. */
  encode(text: string): number[] {
    return this.#encoder.encode(text.toWellFormed(), { add_special_tokens: false }).ids;
  }

  /** Decode ids. Bytes that are not UTF-8 become U+FFFD; ids without a token are empty. Throws UsageError unless ids are natural numbers. */
  decode(ids: readonly number[], options: DecodeOptions = {}): string {
    const stream = this.stream(options);
    return ids.map((id) => stream.push(id)).join('') + stream.end();
  }

  /** Start decoding ids that come one at a time. */
  stream(options: DecodeOptions = {}): StreamDecoder {
    return new StreamDecoder(this.#table, options);
  }
}

/** Decodes ids one at a time, holding back the bytes of a character until it is complete. */
export class StreamDecoder {
  readonly #table: TokenTable;
  readonly #skipSpecial: boolean;
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(table: TokenTable, { skipSpecial = false }: DecodeOptions) {
    this.#table = table;
    this.#skipSpecial = skipSpecial;
  }

  /** Take the next id and return the text it completes, often empty. */
  push(id: number): string {
    if (!Number.isSafeInteger(id) || id < 0) {
      throw new UsageError(`a token id must be a natural number, not ${id}`);
    }
    const added = this.#table.addedTokens.get(id);
    if (added?.special && this.#skipSpecial) return '';
    // NOTE: an added token ends an unfinished character, as in the Hugging Face decoder.
    if (added) return this.end() + added.content;
    return this.#utf8.decode(bytesOfEntry(this.#table.entries.at(id) ?? ''), { stream: true });
  }

  /** Return what was held back, as U+FFFD, and start afresh. */
  end(): string {
    return this.#utf8.decode();
  }
}

/** The checks before this cover all that can be wrong but the regular expressions of the splits. */
function createEncoder(file: JsonRecord, preTokenizer: JsonRecord, where: string): BpeEncoder {
  try {
    return new BpeEncoder(
      {
        normalizer: null,
        added_tokens: [],
        ...file,
        model: { type: 'BPE', vocab: {}, merges: [] },
        pre_tokenizer: preTokenizer,
        post_processor: null,
      },
      {},
    );
  } catch (error) {
    throw problemsError([`the tokenizer must be valid: ${(error as Error).message}`], where);
  }
}
