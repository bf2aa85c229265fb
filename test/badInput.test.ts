/**
 * Bad input gets a clear answer, through the real command line: the right exit code, one error that says
 * what was required and given, no stack trace, nothing half written, and bounded memory.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { answerTo, type Answer, type BadInput } from './badInput/case.ts';
import { CHECKPOINTS } from './badInput/checkpoints.ts';
import { CHIPS } from './badInput/chips.ts';
import { CONFIGURATIONS } from './badInput/configurations.ts';
import { REQUESTS } from './badInput/requests.ts';

/** The most memory a refusal may take. */
const PEAK_BYTES = 200e6;

const GROUPS = {
  'a checkpoint': CHECKPOINTS,
  'a configuration': CONFIGURATIONS,
  'a chip': CHIPS,
  'a request': REQUESTS,
};

for (const [group, cases] of Object.entries(GROUPS)) {
  describe(`${group} that is wrong`, { concurrency: 2 }, () => {
    for (const bad of cases) test(bad.name, async (t) => check(bad, await answerTo(bad), t));
  });
}

function check(bad: BadInput, answer: Answer, t: { diagnostic(message: string): void }): void {
  t.diagnostic(`${answer.seconds.toFixed(2)} s, ${(answer.peakBytes / 1e6).toFixed(0)} MB`);
  assert.equal(answer.exitCode, bad.exitCode, answer.stderr);
  if (bad.stderr instanceof RegExp) assert.match(answer.stderr, bad.stderr);
  else if (bad.stderr !== undefined) assert.equal(answer.stderr, bad.stderr);
  if (bad.exitCode === 0) return;
  assert.match(answer.stderr, /^error: .+/m);
  assert.doesNotMatch(answer.stderr, /^\s+at .*\(?(node:|file:)/m, 'no stack trace');
  assert.ok(answer.peakBytes < PEAK_BYTES, `${answer.peakBytes} bytes`);
  if (bad.files !== undefined) assert.deepEqual(answer.files, bad.files);
}
