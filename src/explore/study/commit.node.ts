import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * The commit that is checked out in the repository at `root`, in 12 digits, without git itself; null where
 * there is none, as in a package. Changes that are not committed do not show in it.
 */
export function findCommit(root: string): string | null {
  const git = gitFolder(root);
  if (git === null) return null;
  const head = read(path.join(git, 'HEAD')) ?? '';
  const ref = /^ref: (.+)$/.exec(head)?.[1];
  const commit = ref === undefined ? head : refOf(git, ref);
  return commit && /^[0-9a-f]{40,64}$/.test(commit) ? commit.slice(0, 12) : null;
}

/** `.git` is a folder, or in a worktree a file that names one. */
function gitFolder(root: string): string | null {
  const git = path.join(root, '.git');
  if (!existsSync(git)) return null;
  if (statSync(git).isDirectory()) return git;
  const named = /^gitdir: (.+)$/.exec(read(git) ?? '')?.[1];
  return named === undefined ? null : path.resolve(root, named);
}

/** A worktree shares its refs with the repository it is of; those that are packed are in one file. */
function refOf(git: string, ref: string): string | null {
  const shared = path.resolve(git, read(path.join(git, 'commondir')) ?? '.');
  for (const folder of [git, shared]) {
    const loose = read(path.join(folder, ref));
    if (loose !== null) return loose;
  }
  const packed = read(path.join(shared, 'packed-refs')) ?? '';
  return (
    packed
      .split('\n')
      .find((line) => line.endsWith(` ${ref}`))
      ?.split(' ')[0] ?? null
  );
}

function read(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
}
