/** One process at a time in a folder; a process that was killed leaves no lock that holds. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TOUCH_SECONDS = 1;
/** A lock that nobody has touched for so long belongs to nobody; sooner when its process is known to be gone. */
const STALE_SECONDS = 30;
const GONE_SECONDS = 3;

/** Runs `work` while no other process holds the lock of `folder`, which is made; `onWait` is told once that another does. */
export async function withLock<T>(
  folder: string,
  work: () => Promise<T>,
  onWait: () => void = () => {},
): Promise<T> {
  fs.mkdirSync(folder, { recursive: true });
  const lock = path.join(folder, '.celadon.lock');
  for (let waited = false; !take(lock); waited = true) {
    if (!waited) onWait();
    await sleep(250);
  }
  const release = (): void => fs.rmSync(lock, { force: true });
  process.once('exit', release); // Ctrl-C ends the process at once
  const touching = setInterval(() => touch(lock), TOUCH_SECONDS * 1000).unref();
  try {
    return await work();
  } finally {
    clearInterval(touching);
    process.off('exit', release);
    release();
  }
}

function take(lock: string): boolean {
  try {
    fs.writeFileSync(lock, `${process.pid} ${os.hostname()}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  if (isStale(lock)) removeStale(lock);
  return false;
}

/** Whoever renames it first removes it, and no lock that was taken meanwhile goes with it. */
function removeStale(lock: string): void {
  const aside = `${lock}.${process.pid}`;
  try {
    fs.renameSync(lock, aside);
    if (isStale(aside)) fs.rmSync(aside, { force: true });
    else fs.renameSync(aside, lock);
  } catch {
    // another was first
  }
}

function isStale(lock: string): boolean {
  const status = fs.statSync(lock, { throwIfNoEntry: false });
  if (status === undefined) return false;
  const seconds = (Date.now() - status.mtimeMs) / 1000;
  return seconds > STALE_SECONDS || (seconds > GONE_SECONDS && isGone(lock));
}

/** Whether the process that holds a lock ran on this machine and does no more. */
function isGone(lock: string): boolean {
  try {
    const [id, host] = fs.readFileSync(lock, 'utf8').split(' ');
    if (host !== os.hostname()) return false;
    process.kill(Number(id), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function touch(lock: string): void {
  try {
    fs.utimesSync(lock, new Date(), new Date());
  } catch {
    // The folder was removed: the download fails where it writes.
  }
}
