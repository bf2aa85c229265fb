import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ModelRunner } from '../src/engine/index.ts';
import { loadModel, openCheckpoint } from '../src/model/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';
import { writeRandomCheckpoint } from './randomCheckpoint.ts';
import { root } from './tree.ts';

for (const name of ['qwen3-tiny', 'deepseek-v3-tiny']) {
  test(`a random checkpoint of the shapes of ${name} runs, and is the same for the same seed`, (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-random-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const { config } = openCheckpoint(path.join(root, 'models', name));
    writeRandomCheckpoint(config, folder);
    const weights = fs.readFileSync(path.join(folder, 'model.safetensors'));
    const model = loadModel(folder);
    const target = referenceTarget();
    const runner = new ModelRunner(model.graph({ logits: 'last' }), target, target.open({}), 8);
    const [step] = runner.feed(model.tokenizer.encode('Once'));
    assert.ok(step!.logits.every(Number.isFinite));
    assert.ok(Math.max(...step!.logits) > Math.min(...step!.logits));
    writeRandomCheckpoint(config, folder);
    assert.deepEqual(fs.readFileSync(path.join(folder, 'model.safetensors')), weights);
  });
}
