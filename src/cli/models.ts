/** What MODEL on the command line stands for. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearestName, UsageError } from '../base/index.ts';
import {
  catalogueModelNames,
  describeSkipped,
  HEADS,
  isGgufFile,
  loadModel,
  skippedParts,
  type Model,
} from '../model/index.ts';
import type { Output } from './output.ts';

const MODELS = fileURLToPath(new URL('../../models/', import.meta.url));

/** The text of documents that the built-in models were not trained on, as token ids. */
export const VALIDATION_FILE = path.join(MODELS, 'valid.json');

/** Names of the built-in models, sorted. */
export function builtinModelNames(): string[] {
  const folders = fs.readdirSync(MODELS, { withFileTypes: true });
  return folders
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();
}

/** The folder of a built-in model. */
export function builtinModelFolder(name: string): string {
  return path.join(MODELS, name);
}

/**
 * Open the model that `name` stands for: a built-in name, else a folder or a GGUF file. Throws UsageError when there
 * is none, UnsupportedError for kinds of models that cannot be opened. `configurations` are names
 * that would do as well, because the caller needs no weights.
 */
export function openModel(name: string, configurations: readonly string[] = []): Model {
  return loadModel(modelPlace(name, configurations));
}

/** The folder or file of the model; throws as `openModel`. */
export function modelPlace(name: string, configurations: readonly string[] = []): string {
  if (builtinModelNames().includes(name)) return builtinModelFolder(name);
  const isFolder = fs.statSync(name, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder || isGgufFile(name)) return name;
  throw noModel(name, configurations);
}

/** Says what a run leaves out of the checkpoint, be it with its heads or without. */
export function noteSkipped(
  { config, checkpoint }: Model,
  output: Output,
  withHeads = false,
): void {
  const all = skippedParts(checkpoint.tensorNames(), config.config.num_hidden_layers);
  const parts = all.filter(({ part }) => !(withHeads && part === HEADS));
  if (parts.length > 0) output.note(`not used: ${describeSkipped(parts)}`);
}

function noModel(name: string, configurations: readonly string[]): Error {
  const builtin = builtinModelNames();
  if (catalogueModelNames().includes(name)) {
    return new UsageError('this needs weights, and the catalogue knows only the configuration', {
      where: name,
      hint: `give the folder of a checkpoint, or one of ${builtin.join(', ')}`,
    });
  }
  const expected = `a folder, a .gguf file, hf:ORG/NAME or one of ${[...builtin, ...configurations].join(', ')}`;
  const near = nearestName(name, [...builtin, ...configurations]);
  return new UsageError(`the model must be ${expected}, not ${JSON.stringify(name)}`, {
    where: '<model>',
    hint: near === undefined ? 'give the folder that holds config.json' : `did you mean ${near}?`,
  });
}
