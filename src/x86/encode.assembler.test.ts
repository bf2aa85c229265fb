import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hexOf, samples, type Sample } from '../../test/x86/samples.ts';

const golden = join(import.meta.dirname, '../../test/x86/encodings.txt');

/** What GNU as makes of each sample, in hex. */
function assembleAll(all: readonly Sample[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'celadon-as-'));
  try {
    const source = join(folder, 'samples.s');
    const lines = all.flatMap((sample, i) => [assemblerText(sample, i), `next${i}:`]);
    writeFileSync(source, ['.intel_syntax noprefix', ...lines, ''].join('\n'));
    const run = ['--listing-lhs-width=4', '-aln', '-o', join(folder, 'samples.o'), source];
    const { stdout, stderr, error } = spawnSync('as', run, {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    assert.ifError(error);
    assert.equal(stderr, '');
    return parseListing(stdout, all.length);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `{disp32}`: as would shorten the distance; `{load}`: as would turn some moves into stores; `{vex}`: as prefers EVEX. */
function assemblerText(sample: Sample, index: number): string {
  const isVex = sample.op === 'vpdpbusd' && !hexOf(sample).startsWith('62');
  return `${isVex ? '{vex} ' : ''}${sample.text}`
    .replace(/^(j\w+) next/, '{disp32} $1 next')
    .replace(/^vmov(?:ups|dqu) [xy]mm\d+, [xy]/, '{load} $&')
    .replace(/next$/, `next${index}`);
}

/** A line of the listing is its number, an address and the bytes; samples are on every other line from 2. */
function parseListing(listing: string, count: number): string[] {
  const hex = new Map<number, string>();
  for (const line of listing.split('\n')) {
    const found = /^\s*(\d+) [0-9a-f]+ ([0-9A-F ]+)/.exec(line);
    if (found) hex.set(Number(found[1]), found[2]!.replaceAll(' ', '').toLowerCase());
  }
  return Array.from({ length: count }, (_, i) => hex.get(2 + 2 * i) ?? 'nothing');
}

test('every sample of every instruction form has the bytes that GNU as gives it, and so have the goldens', () => {
  const all = samples();
  const expected = assembleAll(all).map((hex, i) => `${hex} ${all[i]!.text}`);
  if (process.env['UPDATE']) writeFileSync(golden, `${expected.join('\n')}\n`);
  assert.deepEqual(
    all.map((sample) => `${hexOf(sample)} ${sample.text}`),
    expected,
  );
  assert.equal(readFileSync(golden, 'utf8'), `${expected.join('\n')}\n`);
});
