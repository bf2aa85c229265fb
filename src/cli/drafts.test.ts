// --draft on the command line, with a tiny checkpoint of random weights and 64 tokens.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { celadon } from '../../test/commandLine.ts';

const GOLDEN = path.join(import.meta.dirname, '../../test/golden');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-drafts-'));
after(() => fs.rmSync(folder, { recursive: true }));

/** Whether a byte stands for itself in the alphabet of GPT-2; the others follow from code 256 on. */
function isLetter(byte: number): boolean {
  return (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
}

/** The checkpoint `name` with a tokenizer whose tokens are bytes. */
function withTokenizer(name: string): string {
  const at = path.join(folder, name);
  fs.cpSync(path.join(GOLDEN, name), at, { recursive: true });
  const bytes = Array.from({ length: 256 }, (_, i) => (i + 64) % 256); // @, A and so on first
  const others = bytes.filter((b) => !isLetter(b)).toSorted((a, b) => a - b);
  const letters = bytes.map((b) => String.fromCodePoint(isLetter(b) ? b : 256 + others.indexOf(b)));
  const tokenizer = {
    added_tokens: [],
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(letters.map((c, i) => [c, i])),
      merges: [],
    },
  };
  fs.writeFileSync(path.join(at, 'tokenizer.json'), JSON.stringify(tokenizer));
  return at;
}

test('run --draft mtp writes the same text, and says how many drafts were right', async () => {
  const args = ['run', withTokenizer('qwen3.5-moe'), '-p', 'Celadon', '-n', '30'];
  const json = async (...more: string[]) =>
    JSON.parse((await celadon(...args, '--json', ...more)).stdout);
  const plain = await json();
  const drafted = await json('--draft', 'mtp', '--draft-tokens', '2');
  assert.equal(plain.drafts, null);
  assert.deepEqual(drafted.tokens, plain.tokens);
  assert.equal(drafted.text, plain.text);
  const { kind, draftTokens, drafted: count, accepted, acceptance, steps } = drafted.drafts;
  assert.deepEqual([kind, draftTokens], ['mtp', 2]);
  assert.ok(count > steps && count <= 2 * steps);
  assert.equal(acceptance, accepted / count);
  assert.equal(steps, 29 - accepted);
  const { stdout, stderr } = await celadon(...args, '--draft', 'mtp');
  assert.equal(stdout, `${plain.text}\n`);
  assert.match(stderr, / · \d+ of \d+ drafts right \(\d+%\), 29 tokens in \d+ steps\n$/);
  assert.doesNotMatch(stderr, /not used/);
  assert.match(
    (await celadon(...args)).stderr,
    /not used: \d+ tensors of heads that predict further/,
  );
});

test('run --draft mtp on jade writes what jade writes without, in fewer steps, and a trace of both graphs', async () => {
  const trace = path.join(folder, 'trace.json');
  const args = ['run', withTokenizer('qwen3.5-moe'), '-p', 'Celadon', '-n', '6', '--json'];
  const json = async (...more: string[]) =>
    JSON.parse((await celadon(...args, '--target', 'jade', ...more)).stdout);
  const plain = await json();
  const drafted = await json('--draft', 'mtp', '--trace', trace);
  assert.deepEqual(drafted.tokens, plain.tokens);
  assert.equal(drafted.drafts.steps, 5 - drafted.drafts.accepted);
  assert.match(fs.readFileSync(trace, 'utf8'), /mtp\.fc/);
});

const REFUSALS: readonly (readonly [readonly string[], number, RegExp])[] = [
  [['--draft', 'mtp'], 3, /MTP heads of qwen3 are skipped: its checkpoints have none/],
  [['--draft', 'mtp', '--temperature', '1'], 2, /temperature must be 0/],
  [['--draft-tokens', '2'], 2, /needs something that drafts/],
  [['--draft', 'eagle'], 2, /must be one of mtp/],
];
for (const [args, status, message] of REFUSALS) {
  test(`run ${args.join(' ')} is refused with a reason`, async () => {
    const found = await celadon('run', 'qwen3-tiny', '-p', 'x', ...args);
    assert.equal(found.status, status);
    assert.match(found.stderr, message);
  });
}
