/**
 * Images in files of one folder. A file appears only when it is complete and on the disk: it is written under another
 * name and then renamed, so whatever ends a program leaves at most a part that a later one removes.
 */
import fs from 'node:fs';
import path from 'node:path';
import { sha256Hex } from '../../../base/index.ts';
import { openChecksum } from './checksum.ts';
import { decodeHead, encodeHead, imageStart, SLICE_BYTES } from './imageFile.node.ts';
import type { ImageStore, MemoryRegion } from './imageStore.ts';

const ENDING = '.weights';
const PART_ENDING = '.part';
/** A part that nobody has written to for so long is of a program that has ended. */
const STALE_MS = 600_000;
/** What the disk must have left after an image. */
const SPARE_BYTES = 2 ** 30;

export interface StoredFile {
  readonly file: string;
  readonly sizeBytes: number;
  readonly usedMs: number;
}

/** Images of what `content` identifies, in a folder that holds at most `limitBytes`; the longest unused go first. */
export function folderStore(folder: string, content: string, limitBytes: number): ImageStore {
  const fileOf = (name: string): string =>
    path.join(folder, `${sha256Hex(Buffer.from(fullName(name))).slice(0, 32)}${ENDING}`);
  const fullName = (name: string): string => `${content}\n${name}`;
  return {
    load: (name, region) => loadImage(fileOf(name), fullName(name), region),
    save(name, region) {
      // Nothing depends on it: a full disk or a folder that cannot be written only means no image.
      void saveImage(folder, fileOf(name), fullName(name), region, limitBytes).catch(() => {});
    },
  };
}

/** The images in a folder, the longest unused first. */
export function listImages(folder: string): StoredFile[] {
  return storedFiles(folder, ENDING).toSorted((a, b) => a.usedMs - b.usedMs);
}

/** Removes all images in a folder; returns their bytes. */
export function clearImages(folder: string): number {
  const all = [...storedFiles(folder, ENDING), ...storedFiles(folder, PART_ENDING)];
  for (const { file } of all) fs.rmSync(file, { force: true });
  return all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Files of a folder whose names end so. */
export function storedFiles(folder: string, ending: string): StoredFile[] {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).flatMap((name) => {
    const file = path.join(folder, name);
    const status = name.endsWith(ending) && fs.statSync(file, { throwIfNoEntry: false });
    return status ? [{ file, sizeBytes: status.size, usedMs: status.mtimeMs }] : [];
  });
}

function loadImage(file: string, name: string, region: MemoryRegion): boolean {
  let handle: number;
  try {
    handle = fs.openSync(file, 'r');
  } catch {
    return false;
  }
  try {
    if (!readImage(handle, name, region)) return false;
    fs.futimesSync(handle, new Date(), new Date());
    return true;
  } catch {
    return false;
  } finally {
    fs.closeSync(handle);
  }
}

function readImage(handle: number, name: string, region: MemoryRegion): boolean {
  const { memory, address, bytes } = region;
  const start = imageStart(bytes);
  if (fs.fstatSync(handle).size !== start + bytes) return false;
  const head = Buffer.alloc(start);
  fs.readSync(handle, head, 0, start, 0);
  const checksums = decodeHead(head, name, bytes);
  if (checksums === undefined) return false;
  const checksum = openChecksum(memory);
  const isWhole = checksums.every((expected, i) => {
    const slice = new Uint8Array(memory.buffer, ...placeOf(region, i));
    const count = fs.readSync(handle, slice, 0, slice.length, start + i * SLICE_BYTES);
    const at = address + i * SLICE_BYTES;
    return count === slice.length && checksum(at, at + slice.length) === expected;
  });
  if (!isWhole) new Uint8Array(memory.buffer, address, bytes).fill(0);
  return isWhole;
}

/** Address and bytes of a slice. */
function placeOf({ address, bytes }: MemoryRegion, slice: number): [number, number] {
  const done = slice * SLICE_BYTES;
  return [address + done, Math.min(SLICE_BYTES, bytes - done)];
}

async function saveImage(
  folder: string,
  file: string,
  name: string,
  region: MemoryRegion,
  limitBytes: number,
): Promise<void> {
  const sizeBytes = imageStart(region.bytes) + region.bytes;
  await fs.promises.mkdir(folder, { recursive: true, mode: 0o700 });
  for (const { file: part, usedMs } of storedFiles(folder, PART_ENDING)) {
    if (Date.now() - usedMs > STALE_MS) fs.rmSync(part, { force: true });
  }
  const { bavail, bsize } = await fs.promises.statfs(folder);
  if (sizeBytes > limitBytes || bavail * bsize < sizeBytes + SPARE_BYTES) return;
  const part = `${file}.${process.pid}${PART_ENDING}`;
  const discard = (): void => fs.rmSync(part, { force: true });
  process.once('exit', discard);
  try {
    await writeImage(part, name, region);
    makeRoom(folder, limitBytes - sizeBytes);
    await fs.promises.rename(part, file);
  } finally {
    discard();
    process.off('exit', discard);
  }
}

async function writeImage(file: string, name: string, region: MemoryRegion): Promise<void> {
  const { memory, bytes } = region;
  const start = imageStart(bytes);
  const checksum = openChecksum(memory);
  const checksums: bigint[] = [];
  const handle = await fs.promises.open(file, 'wx', 0o600);
  try {
    for (let done = 0; done < bytes; done += SLICE_BYTES) {
      const [address, length] = placeOf(region, checksums.length);
      checksums.push(checksum(address, address + length));
      // A copy, because memory that grows takes its views away.
      const slice = new Uint8Array(memory.buffer, address, length).slice();
      await handle.write(slice, 0, length, start + done);
    }
    await handle.write(encodeHead(name, bytes, checksums), 0, start, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes the longest unused images until the others take at most `limitBytes`. */
function makeRoom(folder: string, limitBytes: number): void {
  const images = listImages(folder);
  let total = images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const { file, sizeBytes } of images) {
    if (total <= limitBytes) return;
    fs.rmSync(file, { force: true });
    total -= sizeBytes;
  }
}
