/**
 * Every family from every quantised format: the checkpoints of test/golden are written anew, read, and
 * compared with twins whose weights are, as F32, what the format's definition says.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { loadChip } from '../src/chip/index.ts';
import type { Target } from '../src/compile/index.ts';
import type { Graph } from '../src/ir/index.ts';
import { loadModel } from '../src/model/index.ts';
import { cpuTarget } from '../src/target/cpu/index.ts';
import { jadeTarget } from '../src/target/jade/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';
import { whyRefused } from './conformance/conformance.ts';
import { bitsOf, requireClose, Session } from './session.ts';
import { portion } from './portion.ts';
import { rewriteModel } from './stored/rewriteModel.ts';
import { WRITERS, type Writer } from './stored/writers.ts';

const GOLDEN = path.join(import.meta.dirname, 'golden');
const FOLDER = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-stored-'));
after(() => fs.rmSync(FOLDER, { recursive: true }));

const TARGETS: readonly Target[] = [
  referenceTarget(),
  cpuTarget({ activations: 'f32' }),
  jadeTarget(loadChip('jade-edge'), { contextTokens: 64 }),
];
const PROMPT = [3, 17, 41, 5, 60, 22, 9];

// Of the pairs a fifth, with every checkpoint and every format in some.
for (const [i, name] of fs.readdirSync(GOLDEN).entries()) {
  for (const writer of portion(WRITERS, 5, i)) {
    test(`${name} in ${writer.name}: the weights of the definition, and with them the logits on each target`, () => {
      compare(name, writer);
    });
  }
}

/** Bit for bit, in the order in which the layers use them; most are not those of the original. */
function compareWeights(found: Graph, required: Graph, original: Graph): void {
  const [a, b, before] = [found, required, original].map(({ weights }) => [...weights.values()]);
  assert.equal(a!.length, b!.length);
  let changed = 0;
  for (const [i, weight] of a!.entries()) {
    const bits = bitsOf(weight.load());
    assert.deepEqual(bits, bitsOf(b![i]!.load()), weight.name);
    if (bitsOf(before![i]!.load()).some((word, k) => word !== bits[k])) changed++;
  }
  assert.ok(changed > 5);
}

function compare(name: string, writer: Writer): void {
  const [target, twin] = ['', ', decoded'].map((what) =>
    path.join(FOLDER, `${name} in ${writer.name}${what}`),
  ) as [string, string];
  const { matrices } = rewriteModel(path.join(GOLDEN, name), writer, { target, twin });
  assert.ok(matrices > 10);
  const models = [target, twin, path.join(GOLDEN, name)].map(loadModel);
  const [found, required, original] = models.map((m) => m.graph({ logits: 'last' })) as [
    Graph,
    Graph,
    Graph,
  ];
  compareWeights(found, required, original);
  for (const each of TARGETS) {
    if (whyRefused(required, each) !== undefined) continue;
    const [a, b] = [found, required].map((graph) => new Session(each, graph).step(PROMPT));
    // Sums of floats that the cpu keeps as they are stored have another order than those of f32.
    if (each.name === 'cpu') requireClose(a!, b!);
    else assert.deepEqual(bitsOf(a!), bitsOf(b!), each.name);
  }
  for (const { checkpoint } of models) checkpoint.close();
}
