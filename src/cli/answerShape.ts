/** What an answer must be like: a JSON Schema or a grammar from a file. */
import type { Command } from 'commander';
import { decodeUtf8, parseJson, readWholeFile, UsageError } from '../base/index.ts';
import type { TokenConstraint } from '../engine/index.ts';
import type { Grammar } from '../grammar/index.ts';
import type { Model } from '../model/index.ts';

const LIMIT_BYTES = 2 ** 20;

export interface ShapeOptions {
  readonly schema?: string;
  readonly grammar?: string;
}

export function addShapeOptions(command: Command): Command {
  return command
    .option('--schema <file>', 'answer in JSON that is valid under this JSON Schema')
    .option('--grammar <file>', 'answer as this grammar says, in the words of llama.cpp (GBNF)');
}

/** Throws UsageError for both at once, or with drafts; and as `Grammar` does. */
export async function grammarOf(
  { schema, grammar }: ShapeOptions,
  draft: string | undefined,
): Promise<Grammar | undefined> {
  if (schema === undefined && grammar === undefined) return undefined;
  const both = schema !== undefined && grammar !== undefined;
  if (both || draft !== undefined) {
    const other = both ? '--grammar' : '--draft';
    throw new UsageError(
      `${schema === undefined ? '--grammar' : '--schema'} must come without ${other}`,
      {
        where: other,
        hint: 'leave one of them out',
      },
    );
  }
  const file = (schema ?? grammar)!;
  const bytes = readWholeFile(file, LIMIT_BYTES);
  const { Grammar } = await import('../grammar/index.ts'); // few answers have one
  if (schema !== undefined) return Grammar.ofSchema(parseJson(bytes, file));
  return Grammar.ofText(decodeUtf8(bytes, file));
}

/** For one answer of a model. */
export async function constrain(
  grammar: Grammar,
  { tokenizer, checkpoint }: Model,
): Promise<TokenConstraint> {
  const { Vocabulary } = await import('../grammar/index.ts');
  const vocabulary = new Vocabulary(tokenizer.tokenBytes());
  return grammar.constrain(vocabulary, checkpoint.generation.eosTokenIds);
}
