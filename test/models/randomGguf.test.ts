import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ModelRunner } from '../../src/engine/index.ts';
import { loadModel } from '../../src/model/index.ts';
import { cpuTarget } from '../../src/target/cpu/index.ts';
import { writeRandomGguf } from '../../bench/gguf/randomGguf.ts';
import { SHAPES, type Shape } from '../../bench/gguf/shapes.table.ts';

const SMALL = { hidden_size: 64, num_hidden_layers: 1, intermediate_size: 64 };
const HYBRID = { layer_types: ['linear_attention'] };
const FEW = { moe_intermediate_size: 32, num_experts: 8, n_routed_experts: 8 };
const OTHERS: Readonly<Record<string, object>> = {
  'qwen3.5-0.8b': HYBRID,
  'moe-1b': FEW,
  'mla-1b': FEW,
};

for (const [name, shape] of Object.entries<Shape>(SHAPES).filter(([name]) => name !== 'qwen3-4b')) {
  test(`a file of the kind of ${name} is read and gives finite logits`, (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-gguf-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'm.gguf');
    const changes = { ...shape.changes, ...SMALL, ...OTHERS[name] };
    writeRandomGguf({ ...shape, changes }, name === 'mla-1b' ? 'Q8_0' : 'Q4_0', file);
    const model = loadModel(file);
    const target = cpuTarget();
    const runner = new ModelRunner(model.graph({ logits: 'last' }), target, target.open({}), 8);
    const [step] = runner.feed(model.tokenizer.encode('Once'));
    model.checkpoint.close();
    assert.ok(step!.logits.every(Number.isFinite));
    assert.ok(Math.max(...step!.logits.slice(0, 1000)) > Math.min(...step!.logits.slice(0, 1000)));
  });
}
