import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

test('the demo finds both models equal to their numeric definition, and says where they stand', () => {
  const main = path.join(import.meta.dirname, 'main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'demo', '--json'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const { chip, models } = JSON.parse(stdout);
  assert.equal(chip, 'jade-edge');
  assert.deepEqual(
    models.map(({ model, equal }: { model: string; equal: boolean }) => [model, equal]),
    [
      ['qwen3-tiny', true],
      ['deepseek-v3-tiny', true],
    ],
  );
  for (const { agreement, decode, quality, rooflines } of models) {
    assert.equal(agreement.logits, agreement.tokens * 8192);
    assert.ok(decode.cycles > 0 && quality.tokens > 0);
    assert.ok(Math.abs(quality.chip / quality.float - 1) < 0.05);
    const [own, ...others] = rooflines;
    assert.equal(own.name, 'jade-edge');
    assert.deepEqual(
      others.map(({ name, provenance }: { name: string; provenance: { urls: string[] } }) => [
        name,
        provenance.urls.length > 0,
      ]),
      [
        ['H20 96GB', true],
        ['Ascend 910C', true],
      ],
    );
  }
});
