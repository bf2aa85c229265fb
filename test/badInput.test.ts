/**
 * Bad input gets a clear answer, through the real command line: the right exit code, one error that
 * says what was required, what was given, where, and what to do; no stack trace, no result, nothing
 * half written, and bounded memory. The first case of each command has a process of its own, the others
 * share one. `UPDATE=1 node --test test/badInput.test.ts` writes down what the answers are now.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { readAnswers, writeAnswers } from './badInput/answers.ts';
import { Host } from './badInput/celadon.ts';
import { answerTo, type Answer, type BadInput } from './badInput/case.ts';
import { CHECKPOINTS } from './badInput/checkpoints.ts';
import { CHECKS } from './badInput/checks.ts';
import { CHIPS } from './badInput/chips.ts';
import { CONFIGURATIONS } from './badInput/configurations.ts';
import { REQUESTS } from './badInput/requests.ts';
import { TOKENS } from './badInput/tokens.ts';

/** The most memory a refusal may take. */
const PEAK_BYTES = 256e6;

/** Commander, which finds wrong options, names them in its message and not on a line of their own. */
const CLEAR = /^error: .+\n {2}at: .+\n {2}try: .+\n$/;
const CLEAR_OF_OPTIONS = /^error: .+\n(?:\(Did you mean .+\?\)\n)? {2}try: celadon --help\n$/;

const GROUPS = {
  checkpoints: CHECKPOINTS,
  configurations: CONFIGURATIONS,
  chips: CHIPS,
  requests: REQUESTS,
  tokens: TOKENS,
  checks: CHECKS,
};

const host = new Host();
after(() => host.stop());

for (const [group, cases] of Object.entries(GROUPS)) {
  describe(`bad ${group}`, () => answerAll(group, cases));
}

function answerAll(group: string, cases: readonly BadInput[]): void {
  const update = process.env['UPDATE'] === '1';
  const expected = readAnswers(group);
  const found = new Map<string, string>();
  for (const bad of cases) {
    test(`${bad.name}: exit code ${bad.exitCode} and a clear error`, async (t) => {
      const answer = await answerTo(bad, host.start);
      found.set(bad.name, answer.stderr);
      t.diagnostic(`${answer.seconds.toFixed(2)} s, ${(answer.peakBytes / 1e6).toFixed(0)} MB`);
      check(bad, answer);
      if (!update) assert.equal(answer.stderr, expected.get(bad.name));
    });
  }
  after(() => {
    const names = cases.map(({ name }) => name);
    if (update) writeAnswers(group, new Map(names.map((name) => [name, found.get(name)!])));
    else assert.deepEqual([...expected.keys()], names, 'an answer for each case');
  });
}

function check({ exitCode }: BadInput, answer: Answer): void {
  const { stdout, stderr, written, peakBytes } = answer;
  assert.equal(answer.exitCode, exitCode, stderr);
  assert.match(stderr, stderr.includes('celadon --help') ? CLEAR_OF_OPTIONS : CLEAR);
  assert.equal(stdout, '');
  assert.deepEqual(written, []);
  assert.ok(peakBytes < PEAK_BYTES, `${peakBytes} bytes`);
}
