/** What a hub says there is of a model: files with sizes and checksums, at one state of the repository. */
import { z } from 'zod';
import { FormatError, UnsupportedError, UsageError } from '../../base/index.ts';
import { requireSchema } from '../../schema/index.ts';
import type { HubModel } from './hubName.ts';

/** How the content of a file is checked; git's is SHA-1 over a head with the length, and the content. */
export type Checksum =
  | { readonly kind: 'sha256'; readonly hex: string }
  | { readonly kind: 'git'; readonly hex: string };

export interface HubFile {
  /** Within the repository, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly checksum: Checksum;
  readonly url: string;
}

export interface Listing {
  /** Names the state: the commit, or on ModelScope a checksum over the files. */
  readonly snapshot: string;
  readonly files: readonly HubFile[];
}

const hex = (length: number) =>
  z.string('a checksum').regex(new RegExp(`^[0-9a-f]{${length}}$`), `${length} hexadecimal digits`);
const size = z.int('a size').min(0, 'a size');
/** No file outside the folder, and none that is hidden. */
const filePath = z
  .string('a path')
  .regex(/^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[^/\\:\0][^\\:\0]*$/, 'a path');

const HUGGING_FACE = z.object(
  {
    sha: hex(40),
    siblings: z.array(
      z.object({
        rfilename: filePath,
        size,
        blobId: hex(40),
        lfs: z.object({ sha256: hex(64) }).nullish(),
      }),
    ),
  },
  'an object',
);

/** The answer of https://HUB/api/models/ORG/NAME/revision/REVISION?blobs=true. */
export function huggingFaceListing(
  answer: unknown,
  endpoint: string,
  { repository }: HubModel,
): Listing {
  const { sha, siblings } = requireSchema(
    HUGGING_FACE,
    answer,
    `the list of files of ${repository}`,
  );
  const files = siblings.map(({ rfilename, size: bytes, blobId, lfs }): HubFile => ({
    path: rfilename,
    bytes,
    checksum: lfs ? { kind: 'sha256', hex: lfs.sha256 } : { kind: 'git', hex: blobId },
    url: `${endpoint}/${repository}/resolve/${sha}/${encodePath(rfilename)}`,
  }));
  return { snapshot: sha, files };
}

const MODEL_SCOPE = z.object(
  {
    Data: z.object({
      Files: z.array(
        z.object({ Type: z.string(), Path: filePath, Size: size, Sha256: z.string().nullish() }),
      ),
    }),
  },
  'an object',
);

/** The answer of https://HUB/api/v1/models/ORG/NAME/repo/files?Recursive=true; `digest` is SHA-256 in hex. */
export function modelScopeListing(
  answer: unknown,
  endpoint: string,
  { repository, revision = 'master' }: HubModel,
  digest: (text: string) => string,
): Listing {
  const where = `the list of files of ${repository}`;
  const { Data } = requireSchema(MODEL_SCOPE, answer, where);
  const blobs = Data.Files.filter(({ Type }) => Type === 'blob');
  const files = blobs.map(({ Path, Size, Sha256 }): HubFile => {
    if (!/^[0-9a-f]{64}$/.test(Sha256 ?? '')) {
      throw new FormatError(`each file must have a Sha256, and ${Path} has none`, { where });
    }
    const query = new URLSearchParams({ Revision: revision, FilePath: Path });
    return {
      path: Path,
      bytes: Size,
      checksum: { kind: 'sha256', hex: Sha256! },
      url: `${endpoint}/api/v1/models/${repository}/repo?${query}`,
    };
  });
  const state = files.map(({ path, checksum }) => `${checksum.hex} ${path}\n`).toSorted();
  return { snapshot: digest(state.join('')).slice(0, 40), files };
}

const CONFIG = 'config.json';
const INDEX = 'model.safetensors.index.json';
const WEIGHTS = 'model.safetensors';
/** What may be beside the weights and is read if it is. */
const OPTIONAL = [
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'hf_quant_config.json',
  'quant_model_description.json',
];

/**
 * The files that are needed before the index of weights is known: that of a GGUF model, with its other
 * parts; or all but the shards. What tells that the others are there comes last. Throws UsageError or UnsupportedError when there is no such model.
 */
export function firstFiles(files: readonly HubFile[], { repository, file }: HubModel): HubFile[] {
  if (file !== undefined) return ggufFiles(files, file, repository);
  const has = (name: string): boolean => files.some(({ path }) => path === name);
  if (!has(CONFIG) || !(has(INDEX) || has(WEIGHTS))) {
    const ggufs = files.filter(({ path }) => path.endsWith('.gguf')).map(({ path }) => path);
    throw new UnsupportedError(`the repository must have ${CONFIG} and ${WEIGHTS} or its index`, {
      where: repository,
      hint:
        ggufs.length === 0
          ? 'use one that has safetensors, or a GGUF file'
          : `name a file of it: ${ggufs.slice(0, 8).join(', ')}`,
    });
  }
  const names = [CONFIG, ...OPTIONAL, has(INDEX) ? INDEX : WEIGHTS];
  return names.flatMap((name) => files.filter(({ path }) => path === name));
}

/** Whether weights are in shards, which this file names. */
export function isIndex({ path }: HubFile): boolean {
  return path === INDEX;
}

/** The files of the shards of an index. Throws FormatError for one that is not there. */
export function shardFiles(files: readonly HubFile[], shards: Iterable<string>): HubFile[] {
  return Array.from(shards, (name) => {
    const found = files.find(({ path }) => path === name);
    if (found !== undefined) return found;
    throw new FormatError(`the repository must have ${name}, as its index says, and does not`, {
      where: INDEX,
      hint: 'tell its owner, or use another revision',
    });
  });
}

function ggufFiles(files: readonly HubFile[], file: string, repository: string): HubFile[] {
  const [, stem, count] = /^(.*)-00001-of-(\d{5})\.gguf$/.exec(file) ?? [];
  const names =
    stem === undefined
      ? [file]
      : Array.from(
          { length: Number(count) },
          (_, i) => `${stem}-${String(i + 1).padStart(5, '0')}-of-${count}.gguf`,
        );
  const found = names.toReversed().flatMap((name) => files.filter(({ path }) => path === name));
  if (found.length === names.length) return found;
  const there = files.filter(({ path }) => path.endsWith('.gguf')).map(({ path }) => path);
  throw new UsageError(`the repository must have ${file}, and does not`, {
    where: repository,
    hint: there.length === 0 ? 'it has no GGUF files' : `it has ${there.slice(0, 8).join(', ')}`,
  });
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
