/** Opens a GGUF file, or all the files of a split one, as a checkpoint. */
import fs from 'node:fs';
import path from 'node:path';
import { FormatError, openFileSource, UsageError } from '../../../base/index.ts';
import type { ByteSource } from '../../../base/index.ts';
import { locatedCheckpoint } from '../checkpoint.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { parseGeneration } from '../generation.ts';
import type { StoredTensor } from '../safetensors.ts';
import { architectureOf, configOfGguf } from './config.ts';
import { readGgufHeader } from './header.ts';
import type { GgufHeader } from './header.ts';
import { ggufNameOf, locateGgufWeight } from './locate.ts';
import { ModelMetadata } from './metadata.ts';
import type { Metadata } from './metadata.ts';

/** A GGUF file as a checkpoint, and its metadata for tokenizer and chat template. */
export interface GgufModel {
  readonly checkpoint: Checkpoint;
  readonly metadata: Metadata;
}

/** `NAME-00001-of-00003.gguf` */
const PART = /-(\d{5})-of-(\d{5})\.gguf$/;
const MAX_PARTS = 1000;

/**
 * Open the model in a file. Reads the head, no weights. Throws UsageError when there is no such file,
 * FormatError or UnsupportedError naming what is wrong or not supported.
 */
export function openGguf(file: string): GgufModel {
  const opened: ByteSource[] = [];
  try {
    return openParts(file, opened);
  } catch (error) {
    for (const source of opened) source.close();
    throw error;
  }
}

function openParts(file: string, opened: ByteSource[]): GgufModel {
  const open = (name: string): GgufHeader => {
    const source = openFileSource(name);
    opened.push(source);
    return readGgufHeader(source);
  };
  const first = open(file);
  const tensors = new Map(first.tensors);
  for (const part of otherParts(file, first.metadata)) {
    for (const [name, tensor] of open(part).tensors) addOnce(tensors, name, tensor, part);
  }
  const m = new ModelMetadata(first.metadata, file);
  const config = configOfGguf(m, tensors, file);
  const { note: noteOf, compose, restore } = architectureOf(m, file);
  const note = noteOf?.(m);
  const checkpoint = locatedCheckpoint({
    folder: file,
    config,
    generation: parseGeneration({}, config, file),
    tensors,
    ...(note !== undefined && { note }),
    storedName: (name) => ggufNameOf(name, m.architecture),
    locate: (name) => {
      const stored = locateGgufWeight(name, tensors, m.architecture);
      const weight = stored ?? compose?.(name, tensors, m);
      return weight && restore ? restore(name, weight, m) : weight;
    },
  });
  const used = new Set(tensors.values().map(({ source }) => source));
  for (const source of opened) if (!used.has(source)) source.close();
  return { checkpoint, metadata: first.metadata };
}

/** Files of the other parts. Throws when `file` is not the first of them, or one is missing. */
function otherParts(file: string, metadata: Metadata): string[] {
  const count = metadata.get('split.count') ?? 1;
  if (count === 1 || count === 0) return [];
  const [, number, total] = PART.exec(file) ?? [];
  if (Number(number) !== 1 || Number(total) !== count || Number(total) > MAX_PARTS) {
    throw new UsageError(`a split model must be named by its first part, …-00001-of-0000N.gguf`, {
      where: file,
      hint: 'give the first part, with all the others beside it under their own names',
    });
  }
  const parts = Array.from({ length: Number(total) - 1 }, (_, i) =>
    file.replace(PART, `-${String(i + 2).padStart(5, '0')}-of-${total}.gguf`),
  );
  const missing = parts.find((part) => !fs.existsSync(part));
  if (missing === undefined) return parts;
  throw new FormatError(
    `all ${total} parts must be there, but ${path.basename(missing)} is missing`,
    {
      where: file,
      hint: 'get the missing files',
    },
  );
}

function addOnce(
  tensors: Map<string, StoredTensor<string>>,
  name: string,
  tensor: StoredTensor<string>,
  part: string,
): void {
  if (tensors.has(name)) {
    throw new FormatError(`tensor ${name} must be in one part, not in two`, {
      where: part,
      hint: 'get the files again: they belong to different versions',
    });
  }
  tensors.set(name, tensor);
}
