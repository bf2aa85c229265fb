// Variants of a model with chips, and what formats cost, measured on the demo models.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explore, file, type Row } from './exploring.ts';

test('variants of the model compete too, and formats are measured', async () => {
  const variants = file('variants.json', { width: [512] });
  const { status, stdout, stderr } = await explore(
    { areaMm2: 80 },
    '--variants',
    variants,
    '--json',
  );
  assert.equal(status, 0, stderr);
  const { best, formats } = JSON.parse(stdout) as {
    best: { metric: string; pair: Row & { variant: string }; today: Row }[];
    formats: { model: string; change: number }[];
  };
  const [rate] = best;
  assert.equal(rate!.metric, 'tokensPerSecond');
  assert.equal(rate!.pair.variant, 'width=512');
  assert.ok(rate!.pair.metrics['tokensPerSecond']! > rate!.today.metrics['tokensPerSecond']!);
  assert.ok(formats.every(({ change }) => Math.abs(change) < 0.05));
});
