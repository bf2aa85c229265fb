import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { findCommit } from './commit.node.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

test('the commit of a repository, of a worktree of it, and of neither', (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-commit-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): void => {
    fs.mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), `${text}\n`);
  };
  assert.equal(findCommit(folder), null);
  write('.git/HEAD', 'ref: refs/heads/main');
  assert.equal(findCommit(folder), null, 'nothing is committed yet');
  write(
    '.git/packed-refs',
    `# pack-refs\n${'f'.repeat(40)} refs/heads/mainline\n${COMMIT} refs/heads/main`,
  );
  assert.equal(findCommit(folder), '0123456789ab');
  write('.git/refs/heads/main', 'a'.repeat(40));
  assert.equal(findCommit(folder), 'a'.repeat(12), 'newer than what is packed');
  write('.git/HEAD', COMMIT);
  assert.equal(findCommit(folder), '0123456789ab', 'no branch');

  write('tree/.git', 'gitdir: ../.git/worktrees/tree');
  write('.git/worktrees/tree/HEAD', 'ref: refs/heads/main');
  write('.git/worktrees/tree/commondir', '../..');
  assert.equal(findCommit(path.join(folder, 'tree')), 'a'.repeat(12));
});
