/**
 * What a tokenizer.json must be for Celadon: byte-level BPE, as in every Qwen and DeepSeek model.
 *
 * Kinds beyond that are refused here, by name, because the library underneath accepts some of them
 * only approximately.
 */
import { z } from 'zod';
import {
  isRecord,
  listProblems,
  problem,
  problemsError,
  show,
  UnsupportedError,
} from '../base/index.ts';
import { integer, requireSchema } from '../schema/index.ts';
import type { JsonRecord } from '../base/index.ts';
import { LETTERS } from './byteAlphabet.ts';
import { MAX_VOCABULARY } from './checkpoint/fields.ts';
import { partsOf } from './preTokenizer.ts';
import { TextIndex } from './textIndex.ts';
import { TextList } from './textList.ts';

const SPACE = 0x20;

/** A token that is recognised whole in text, outside BPE. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Left out when special tokens are skipped. */
  readonly special: boolean;
}

/** The parts that are used besides the library. */
export interface TokenizerFile {
  /** The BPE entry of each id, spelled in the byte alphabet. */
  readonly entries: TextList;
  readonly addedTokens: readonly AddedToken[];
  /** Ids of the BPE entries. */
  readonly ids: TextIndex;
  /** "a b" in the order of merging. */
  readonly merges: TextList;
  /** Words that are entries are not merged from their letters. */
  readonly ignoreMerges: boolean;
}

const NORMALIZERS = ['NFC', 'NFD', 'NFKC', 'NFKD'];
const PRE_TOKENIZERS = ['ByteLevel', 'Digits', 'Split'];

const tokenId = integer(0, MAX_VOCABULARY - 1);
const ADDED_TOKENS = z
  .array(
    z.object(
      {
        id: tokenId,
        content: z.string('a text').min(1, 'a text'),
        special: z.boolean().default(false),
        single_word: z.literal(false, 'false, as whole words are not supported').default(false),
      },
      'an object',
    ),
    'a list',
  )
  .default([]);

/** Check a parsed tokenizer.json. Throws UnsupportedError for other kinds, FormatError for broken content. */
export function checkTokenizerFile(file: JsonRecord, where: string): TokenizerFile {
  const unsupported = unsupportedParts(file);
  if (unsupported.length > 0) {
    throw new UnsupportedError(listProblems(unsupported), {
      where,
      hint: 'use a model with byte-level BPE, as those of Qwen and DeepSeek',
    });
  }
  const { vocab, merges: stored, ignore_merges: ignoreMerges } = file['model'] as JsonRecord;
  const entries = readVocabulary(vocab, where);
  const ids = new TextIndex(entries);
  requireLetters(ids, where);
  const merges = readMerges(stored, where);
  const { added_tokens: addedTokens } = requireSchema(
    z.object({ added_tokens: ADDED_TOKENS }),
    file,
    where,
  );
  return { entries, addedTokens, ids, merges, ignoreMerges: ignoreMerges === true };
}

function unsupportedParts(file: JsonRecord): string[] {
  const model = kindOf(file['model']);
  const decoder = kindOf(file['decoder']);
  const normalizers = kindsOf(file['normalizer'], 'normalizers');
  const preTokenizers = kindsOf(file['pre_tokenizer'], 'pretokenizers');
  const problems: string[] = [];
  if (model !== 'BPE') problems.push(problem('model.type', '"BPE"', model));
  if (decoder !== 'ByteLevel') problems.push(problem('decoder.type', '"ByteLevel"', decoder));
  problems.push(...unknownKinds('normalizer', normalizers, NORMALIZERS));
  problems.push(...unknownKinds('pre_tokenizer', preTokenizers, PRE_TOKENIZERS));
  if (!preTokenizers.includes('ByteLevel')) problems.push('pre_tokenizer must include "ByteLevel"');
  return [
    ...problems,
    ...unsupportedSplits(file['pre_tokenizer']),
    ...unsupportedPrefixes(file['pre_tokenizer']),
    ...unsupportedMerging(file['model']),
  ];
}

function unknownKinds(
  field: string,
  kinds: readonly unknown[],
  known: readonly unknown[],
): string[] {
  const unknown = kinds.filter((kind) => !known.includes(kind));
  return unknown.map((kind) =>
    problem(`${field}.type`, `one of ${known.join(', ')} or a Sequence of them`, kind),
  );
}

/** Kind of a component or, if it is a sequence, of its parts; a sequence within one is no known kind. */
function kindsOf(component: unknown, partsField: string): unknown[] {
  if (component === undefined || component === null) return [];
  return partsOf(component, partsField).map(kindOf);
}

function kindOf(component: unknown): unknown {
  return isRecord(component) ? component['type'] : component;
}

/** The library splits at matches and keeps them; the other behaviours it does not reproduce. */
function unsupportedSplits(preTokenizer: unknown): string[] {
  const splits = partsOf(preTokenizer, 'pretokenizers').filter((part) => kindOf(part) === 'Split');
  return splits.flatMap((part) => {
    const { behavior, invert = false, pattern } = part as JsonRecord;
    const source = isRecord(pattern) ? (pattern['Regex'] ?? pattern['String']) : pattern;
    if (behavior === 'Isolated' && invert === false && typeof source === 'string') return [];
    return [
      `a Split must have a pattern, behavior "Isolated" and invert false, ` +
        `not ${show(source)}, ${show(behavior)} and ${show(invert)}`,
    ];
  });
}

/** A space before a text that is then split would come before every piece of it. */
function unsupportedPrefixes(preTokenizer: unknown): string[] {
  const prefixed = partsOf(preTokenizer, 'pretokenizers').some(
    (part) => isRecord(part) && part['type'] === 'ByteLevel' && part['add_prefix_space'] === true,
  );
  return prefixed ? ['a ByteLevel must have add_prefix_space false, not true'] : [];
}

/** Marks of word parts belong to other alphabets than bytes; dropout to training. */
function unsupportedMerging(model: unknown): string[] {
  const fields = ['continuing_subword_prefix', 'end_of_word_suffix', 'dropout'];
  const set = fields.filter((field) => isRecord(model) && model[field]);
  return set.map((field) => problem(`model.${field}`, 'absent', (model as JsonRecord)[field]));
}

/** The entry of each id: from an object, or a list where it was made here; at most MAX_VOCABULARY ids. */
function readVocabulary(vocabulary: unknown, where: string): TextList {
  if (vocabulary instanceof TextList) return vocabulary;
  if (!isRecord(vocabulary)) {
    throw problemsError([problem('model.vocab', 'an object', vocabulary)], where);
  }
  const entries: (string | undefined)[] = [];
  for (const [entry, id] of Object.entries(vocabulary)) {
    if (!isTokenId(id))
      throw problemsError([problem(`model.vocab ${show(entry)}`, 'a token id', id)], where);
    entries[id] = entry;
  }
  return TextList.of(entries);
}

function requireLetters(ids: TextIndex, where: string): void {
  const missing = LETTERS.filter((letter) => !ids.has(letter));
  if (missing.length === 0) return;
  throw problemsError(
    [
      `model.vocab must have a token for each byte, but ${missing.length} are absent, first ${show(missing[0])}`,
    ],
    where,
  );
}

function isTokenId(id: unknown): id is number {
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < MAX_VOCABULARY;
}

/** A merge is a pair of entries, or in older files one text with a space between them. */
function readMerges(merges: unknown, where: string): TextList {
  const bad =
    merges instanceof TextList
      ? placeOfNoPair(merges)
      : requireList(merges, where).findIndex(
          (merge, _, all) => !isMerge(merge) || typeof merge !== typeof all[0],
        );
  if (bad >= 0) {
    const found = (merges as unknown[] | TextList).at(bad);
    throw problemsError([problem(`model.merges.${bad}`, 'a pair of entries', found)], where);
  }
  if (merges instanceof TextList) return merges;
  const pairs = merges as string[] | [string, string][];
  return TextList.of(pairs.map((pair) => (typeof pair === 'string' ? pair : pair.join(' '))));
}

function requireList(merges: unknown, where: string): readonly unknown[] {
  if (Array.isArray(merges)) return merges;
  throw problemsError([problem('model.merges', 'a list', merges)], where);
}

function isMerge(merge: unknown): boolean {
  if (typeof merge === 'string') {
    const space = merge.indexOf(' ');
    return space >= 0 && !merge.includes(' ', space + 1);
  }
  const isPair = Array.isArray(merge) && merge.length === 2;
  return isPair && merge.every((part) => typeof part === 'string');
}

/** The place of the first text that has not one space; -1 if there is none. */
function placeOfNoPair({ bytes, starts, ends }: TextList): number {
  return starts.findIndex((start, i) => {
    let spaces = 0;
    for (let at = start; at < ends[i]!; at++) if (bytes[at] === SPACE) spaces++;
    return spaces !== 1;
  });
}
