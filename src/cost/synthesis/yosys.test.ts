// Yosys on small modules, where it is installed; whole units are in the group rtl.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { testLibrary } from '../../../scripts/area/testLibrary.ts';
import { FormatError, UnsupportedError } from '../../base/index.ts';
import { defineModule, type Module } from '../../hdl/index.ts';
import { readLibrary } from './cellLibrary.ts';
import { measureCells } from './measureCells.ts';
import { synthesise } from './synthesise.node.ts';
import { findYosys, type Yosys } from './yosys.node.ts';

const yosys = await findYosys().catch((error: unknown): Yosys | undefined => {
  if (error instanceof UnsupportedError) return undefined;
  throw error;
});
const skip = yosys === undefined && 'no Yosys that has synth -booth';

test('a script gives its log and the files it was asked for', { skip }, async () => {
  const files = {
    'a.v': 'module a(input x, output y); assign y = !x; endmodule',
    'run.ys': 'read_verilog a.v\nlog it was read\nwrite_json a.json',
  };
  const { log, written } = await yosys!.run(files, ['a.json']);
  assert.match(log, /it was read/);
  assert.deepEqual(Object.keys(written), ['a.json']);
  assert.ok('a' in (JSON.parse(written['a.json']!) as { modules: object }).modules);
});

test('a script that fails is an error that ends with what Yosys said', { skip }, async () => {
  const run = yosys!.run({ 'run.ys': 'read_verilog absent.v' }, []);
  await assert.rejects(run, (error) => {
    assert.ok(error instanceof FormatError);
    assert.match(error.message, /absent\.v/);
    return true;
  });
});

test('a register and a gate are synthesised to their cells, once', { skip }, async (t) => {
  const cache = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-synthesis-'));
  t.after(() => fs.rmSync(cache, { recursive: true }));
  const library = readLibrary([testLibrary()]);
  const module = twoBits();
  const results = await synthesise(module, new Map([['test', library]]), { cache });
  const { areaUm2, flopAreaUm2, flops, gates } = measureCells(results.get('test')!, library);
  // Two flops of 8 without a reset, and an exclusive or of 4.
  const found = { areaUm2, flopAreaUm2, flops, gates };
  assert.deepEqual(found, { areaUm2: 20, flopAreaUm2: 16, flops: 2, gates: 1 });
  const [kept] = fs.readdirSync(cache);
  const file = path.join(cache, kept!);
  const marked = { ...results.get('test')!, delayPs: 12_345 };
  fs.writeFileSync(file, JSON.stringify(marked));
  const again = await synthesise(module, new Map([['test', library]]), { cache });
  assert.equal(again.get('test')!.delayPs, 12_345);
});

test(
  'a box stays as it is: what is around it is synthesised, nothing of it counts',
  { skip },
  async (t) => {
    const cache = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-synthesis-'));
    t.after(() => fs.rmSync(cache, { recursive: true }));
    const library = readLibrary([testLibrary()]);
    const inner = twoBits();
    const outer = defineModule({
      name: 'outer',
      inputs: { a: 1, b: 1 },
      outputs: { y: 1 },
      body: ({ a, b }, m) => ({ y: m.instance('inner', inner, { a: a.xor(b) }).y.xor(b) }),
    });
    const areaWith = async (isBox: (module: Module) => boolean): Promise<number> => {
      const options = { cache, isBox };
      const results = await synthesise(outer as Module, new Map([['test', library]]), options);
      return measureCells(results.get('test')!, library).areaUm2;
    };
    assert.equal(await areaWith(({ name }) => name === inner.name), 2 * 4);
    assert.equal(await areaWith(() => false), 20 + 2 * 4);
  },
);

/** Two registers, of which the second takes the exclusive or of the first and an input. */
function twoBits() {
  return defineModule({
    name: 'two_bits',
    inputs: { a: 1 },
    outputs: { y: 1 },
    body: ({ a }, m) => {
      const [first, second] = [m.register('first', 1), m.register('second', 1)];
      first.set(a);
      second.set(first.xor(a));
      return { y: second };
    },
  });
}
