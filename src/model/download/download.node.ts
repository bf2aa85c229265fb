/** Gets a model of a hub onto this machine: only the files that are needed, and those once. */
import fs from 'node:fs';
import path from 'node:path';
import { CeladonError, sha256Hex, UsageError } from '../../base/index.ts';
import { readJsonFile } from '../checkpoint/json.node.ts';
import { INDEX_LIMIT_BYTES } from '../checkpoint/openCheckpoint.node.ts';
import { parseShardIndex } from '../checkpoint/shards.ts';
import { downloadBlob, type PartOptions } from './blob.node.ts';
import { cacheRoot, HubCache, huggingFaceToken, type Environment } from './hubCache.node.ts';
import { parseHubName, type HubModel } from './hubName.ts';
import { getJson, PassingFailure, requireEndpoint, type HubAccess } from './http.ts';
import {
  firstFiles,
  huggingFaceListing,
  isIndex,
  modelScopeListing,
  shardFiles,
  type HubFile,
  type Listing,
} from './listing.ts';
import { withLock } from './lock.node.ts';

export interface DownloadOptions {
  readonly environment: Environment;
  /** Told what is there of what is needed, while it comes. */
  readonly onProgress?: (gotten: number, needed: number) => void;
  /** Told what the user should know. */
  readonly onNote?: (note: string) => void;
  readonly parts?: PartOptions;
  readonly idleSeconds?: number;
  readonly attempts?: number;
  readonly retrySeconds?: number;
}

const PARTS: PartOptions = { partBytes: 32 * 2 ** 20, connections: 6 };
const MAIN = { hf: 'main', ms: 'master' } as const;

/**
 * The folder, or the GGUF file, of a model named as `hf:org/name` or `ms:org/name`; it is downloaded as
 * far as it is not there. Without a connection, or with HF_HUB_OFFLINE=1, what is there is taken.
 * Throws UsageError for a name or a model that is none, CeladonError when the connection fails for good,
 * FormatError for content that is not what the hub says, CapacityError when the disk is too small.
 */
export async function downloadModel(name: string, options: DownloadOptions): Promise<string> {
  const model = parseHubName(name);
  const { environment } = options;
  const cache = new HubCache(cacheRoot(environment, model.hub), model);
  const known = knownPlace(cache, model);
  const offline = /^(?:1|true|yes|on)$/i.test(environment['HF_HUB_OFFLINE'] ?? '');
  if (known !== undefined && (offline || model.revision === path.basename(known.snapshot)))
    return known.place;
  if (offline) throw notHere(name);
  const access = accessOf(model, options);
  const listing = await listOrTakeKnown(access, model, known, options);
  if (listing === undefined) return known!.place;
  const onWait = (): void => options.onNote?.('waiting for another download of this model');
  return withLock(cache.folder, () => download(access, cache, model, listing, options), onWait);
}

async function listOrTakeKnown(
  access: HubAccess,
  model: HubModel,
  known: Known | undefined,
  { onNote }: DownloadOptions,
): Promise<Listing | undefined> {
  try {
    return await list(access, model);
  } catch (error) {
    if (known === undefined || !(error instanceof PassingFailure)) throw error;
    onNote?.(`no connection to ${access.endpoint}: using what was downloaded before`);
    return undefined;
  }
}

async function list(access: HubAccess, model: HubModel): Promise<Listing> {
  const { endpoint } = access;
  const { hub, repository, revision = MAIN[hub] } = model;
  if (hub === 'hf') {
    const url = `${endpoint}/api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`;
    return huggingFaceListing(await getJson(access, url), endpoint, model);
  }
  const query = new URLSearchParams({ Revision: revision, Recursive: 'true' });
  const url = `${endpoint}/api/v1/models/${repository}/repo/files?${query}`;
  const digest = (text: string): string => sha256Hex(new TextEncoder().encode(text));
  return modelScopeListing(await getJson(access, url), endpoint, model, digest);
}

async function download(
  access: HubAccess,
  cache: HubCache,
  model: HubModel,
  { snapshot, files }: Listing,
  options: DownloadOptions,
): Promise<string> {
  const first = firstFiles(files, model);
  const index = first.find(isIndex);
  const folder = cache.snapshot(snapshot);
  const get = new Download(access, cache, snapshot, options);
  await get.files(index === undefined ? first : [index]);
  if (index !== undefined) {
    await get.files([...first, ...shardFiles(files, shardNames(folder, index.path))]);
  }
  cache.setCommit(model.revision ?? MAIN[model.hub], snapshot);
  return placeIn(folder, model);
}

class Download {
  readonly #access: HubAccess;
  readonly #cache: HubCache;
  readonly #snapshot: string;
  readonly #options: DownloadOptions;

  constructor(access: HubAccess, cache: HubCache, snapshot: string, options: DownloadOptions) {
    this.#access = access;
    this.#cache = cache;
    this.#snapshot = snapshot;
    this.#options = options;
  }

  async files(files: readonly HubFile[]): Promise<void> {
    const { parts = PARTS, onProgress } = this.#options;
    const missing = files.filter((file) => !this.#cache.hasBlob(file));
    this.#cache.requireRoom(missing);
    const needed = files.reduce((sum, { bytes }) => sum + bytes, 0);
    let gotten = needed - missing.reduce((sum, { bytes }) => sum + bytes, 0);
    const onBytes = (bytes: number): void => onProgress?.((gotten += bytes), needed);
    for (const file of files) {
      if (!this.#cache.hasBlob(file)) {
        await downloadBlob(this.#access, file, this.#cache.blobOf(file), parts, onBytes);
      }
      this.#cache.link(this.#snapshot, file);
    }
  }
}

function accessOf({ hub }: HubModel, options: DownloadOptions): HubAccess {
  const { environment, idleSeconds = 60, attempts = 6, retrySeconds = 1 } = options;
  const variable = hub === 'hf' ? 'HF_ENDPOINT' : 'MODELSCOPE_ENDPOINT';
  const usual = hub === 'hf' ? 'https://huggingface.co' : 'https://modelscope.cn';
  const endpoint = (environment[variable] ?? usual).replace(/\/+$/, '');
  const token = hub === 'hf' ? huggingFaceToken(environment) : undefined;
  const access = { endpoint, token, idleSeconds, attempts, retrySeconds };
  requireEndpoint(access, variable);
  return access;
}

/** A snapshot in the cache that has all its files. */
interface Known {
  readonly snapshot: string;
  readonly place: string;
}

function knownPlace(cache: HubCache, model: HubModel): Known | undefined {
  const commit = cache.commitOf(model.revision ?? MAIN[model.hub]);
  if (commit === undefined) return undefined;
  const snapshot = cache.snapshot(commit);
  const place = placeIn(snapshot, model);
  const there = (file: string): boolean => fs.existsSync(path.join(snapshot, file));
  const whole = model.file === undefined ? isWhole(snapshot, there) : there(model.file);
  return whole ? { snapshot, place } : undefined;
}

function isWhole(snapshot: string, there: (file: string) => boolean): boolean {
  const index = 'model.safetensors.index.json';
  if (!there('config.json')) return false;
  if (!there(index)) return there('model.safetensors');
  return shardNames(snapshot, index).every(there);
}

function shardNames(folder: string, index: string): string[] {
  const content = readJsonFile(folder, index, INDEX_LIMIT_BYTES);
  return [...parseShardIndex(content, path.join(folder, index)).keys()];
}

function placeIn(snapshot: string, { file }: HubModel): string {
  return file === undefined ? snapshot : path.join(snapshot, ...file.split('/'));
}

function notHere(name: string): CeladonError {
  return new UsageError('the model must be on this machine, as HF_HUB_OFFLINE is set', {
    where: name,
    hint: 'unset HF_HUB_OFFLINE, or give the folder of a checkpoint',
  });
}
