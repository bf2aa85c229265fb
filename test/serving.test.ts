/** Predictions against measured services: a change of the model must not make them worse unseen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareAnchors, compareTraining, medianError, unseenError } from '../bench/serving.ts';

const compared = compareAnchors();

test('the median error of TPOT and throughput is what docs/performance.md says', () => {
  assert.ok(medianError(compared, 'nvidia') < 0.1);
  assert.ok(medianError(compared, 'huawei') < 0.1);
  assert.ok(unseenError(compared) < 0.15);
});

test('no TPOT and no throughput is off by more than twice', () => {
  for (const { anchor, quantity, predicted, measured } of compared) {
    if (quantity === 'ttftMs') continue;
    const ratio = predicted / measured;
    assert.ok(
      ratio > 0.5 && ratio < 2,
      `${anchor.model} on ${anchor.chip}: ${quantity} × ${ratio}`,
    );
  }
});

test('decode on CloudMatrix rises with the batch as it was measured', () => {
  const rates = compared
    .filter(
      ({ anchor, quantity }) => anchor.input === 4096 && quantity === 'tokensPerSecondPerChip',
    )
    .map(({ predicted }) => predicted);
  assert.equal(rates.length, 3);
  assert.ok(rates[0]! > rates[1]! && rates[1]! > rates[2]!);
});

test('the hours of DeepSeek-V3 are within 15 %, newer products save some, hidden exchanges many', () => {
  const { measured, predicted, exposed, today } = compareTraining();
  assert.ok(Math.abs(predicted / measured - 1) < 0.15);
  assert.ok(today < predicted && predicted < exposed);
});
