/**
 * Where files of hubs are kept: the layout of huggingface_hub [1], so that what one has got the other finds.
 *
 *   models--ORG--NAME/blobs/CHECKSUM                   contents, whole and checked
 *   models--ORG--NAME/snapshots/COMMIT/config.json     links to them
 *   models--ORG--NAME/refs/main                        the commit of a branch or tag
 *
 * Models of ModelScope are in the same layout, in a folder of ours.
 *
 * [1] https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { CapacityError, formatBytes } from '../../base/index.ts';
import type { HubModel, HubName } from './hubName.ts';
import type { HubFile } from './listing.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const COMMIT = /^[0-9a-f]{40}$/;

export class HubCache {
  /** The folder of one model. */
  readonly folder: string;

  constructor(root: string, { repository }: HubModel) {
    this.folder = path.join(root, `models--${repository.replace('/', '--')}`);
  }

  blobOf({ checksum }: HubFile): string {
    return path.join(this.folder, 'blobs', checksum.hex);
  }

  hasBlob(file: HubFile): boolean {
    return fs.statSync(this.blobOf(file), { throwIfNoEntry: false })?.size === file.bytes;
  }

  snapshot(commit: string): string {
    return path.join(this.folder, 'snapshots', commit);
  }

  /** Links a blob into a snapshot; where links are not allowed, it is copied. */
  link(commit: string, file: HubFile): void {
    const place = path.join(this.snapshot(commit), ...file.path.split('/'));
    const target = path.relative(path.dirname(place), this.blobOf(file));
    fs.mkdirSync(path.dirname(place), { recursive: true });
    const aside = `${place}.${process.pid}.celadon`;
    fs.rmSync(aside, { force: true });
    try {
      fs.symlinkSync(target, aside);
    } catch {
      fs.copyFileSync(this.blobOf(file), aside);
    }
    fs.renameSync(aside, place);
  }

  /** The commit that a branch or tag was at when it was last asked for; a commit is its own. */
  commitOf(revision: string): string | undefined {
    if (COMMIT.test(revision)) return revision;
    const file = this.#reference(revision);
    const commit = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : '';
    return COMMIT.test(commit) ? commit : undefined;
  }

  setCommit(revision: string, commit: string): void {
    if (COMMIT.test(revision) || this.commitOf(revision) === commit) return;
    const file = this.#reference(revision);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(`${file}.${process.pid}.celadon`, commit);
    fs.renameSync(`${file}.${process.pid}.celadon`, file);
  }

  /** Throws CapacityError when the files that are missing do not fit the disk. */
  requireRoom(files: readonly HubFile[]): void {
    fs.mkdirSync(path.join(this.folder, 'blobs'), { recursive: true });
    const needed = files.reduce((sum, file) => sum + file.bytes - this.#incompleteBytes(file), 0);
    const { bavail, bsize } = fs.statfsSync(this.folder);
    if (needed <= bavail * bsize) return;
    throw new CapacityError(
      `the model needs ${formatBytes(needed)} more on the disk, which has ${formatBytes(bavail * bsize)}`,
      { where: this.folder, hint: 'make room, or set HF_HOME to another disk' },
    );
  }

  #incompleteBytes(file: HubFile): number {
    const status = fs.statSync(`${this.blobOf(file)}.celadon.incomplete`, {
      throwIfNoEntry: false,
    });
    return status === undefined ? 0 : Math.min(file.bytes, status.blocks * 512);
  }

  #reference(revision: string): string {
    return path.join(this.folder, 'refs', ...revision.split('/'));
  }
}

/** HF_HUB_CACHE, HF_HOME/hub or the default; for ModelScope, a folder of ours. */
export function cacheRoot(environment: Environment, hub: HubName): string {
  const caches = environment['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  if (hub === 'ms')
    return environment['MODELSCOPE_CACHE'] === undefined
      ? path.join(caches, 'celadon', 'modelscope')
      : path.join(environment['MODELSCOPE_CACHE'], 'celadon');
  return environment['HF_HUB_CACHE'] ?? path.join(hfHome(environment), 'hub');
}

/** HF_TOKEN, or what `hf auth login` has written. */
export function huggingFaceToken(environment: Environment): string | undefined {
  const file = environment['HF_TOKEN_PATH'] ?? path.join(hfHome(environment), 'token');
  const given =
    environment['HF_TOKEN'] ?? (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');
  return given.trim() === '' ? undefined : given.trim();
}

function hfHome(environment: Environment): string {
  const caches = environment['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  return environment['HF_HOME'] ?? path.join(caches, 'huggingface');
}
