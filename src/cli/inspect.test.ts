/** What inspect says of every published configuration, and the figures that their makers publish. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Command } from 'commander';
import { catalogueModelNames, readCatalogueModel } from '../model/index.ts';
import { addInspect } from './inspect.ts';

interface Report {
  readonly family: string;
  readonly parameters: { readonly total: number; readonly active: number; readonly ngrams: number };
  readonly stateBytesPerToken: number;
  readonly stateBytesPerSequence: number;
}

/** The result of the command, in this process: starting one takes longer than inspecting. */
function inspect(t: TestContext, model: string): Report {
  let output = '';
  const { mock } = t.mock.method(process.stdout, 'write', (text: string) => {
    output += text;
    return true;
  });
  const program = new Command().option('--json').exitOverride();
  addInspect(program);
  program.parse(['--json', 'inspect', model], { from: 'user' });
  mock.restore();
  return JSON.parse(output) as Report;
}

/** Whether a count agrees with the digits of a published one, of which at most four count. */
function agrees(count: number, published: number): boolean {
  const zeros = /0*$/.exec(String(Number(published.toPrecision(4))))![0].length;
  return Math.abs(count - published) < 10 ** zeros;
}

test('inspect gives the published parameters of all 36 configurations, and a state', (t) => {
  const names = catalogueModelNames();
  assert.equal(names.length, 36);
  for (const name of names) {
    const { totalParameters, activeParameters, model } = readCatalogueModel(name);
    const { family, parameters, ...state } = inspect(t, name);
    assert.equal(family, model.family);
    const { total, active, ngrams } = parameters;
    // The makers of DeepSeek-V4.1 publish what it has beside its tables by n-gram.
    const counted = family === 'deepseek_v41' ? total - ngrams : total;
    assert.ok(agrees(counted, totalParameters!), `${name}: ${counted}`);
    assert.ok(agrees(active, activeParameters!), `${name}: ${active} active`);
    assert.ok(state.stateBytesPerToken > 0 && state.stateBytesPerSequence >= 0, name);
  }
});
