/** The demo models as GGUF files: the same tokens, tokenizer and chat, and the commands open them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { foldConstants } from '../src/compile/passes/foldConstants.ts';
import type { WeightSource } from '../src/ir/index.ts';
import { loadModel, type Model } from '../src/model/index.ts';
import { ggmlTypeOf } from '../src/model/checkpoint/gguf/ggmlTypes.table.ts';
import { celadon } from './commandLine.ts';
import { convertModel, type MatrixType } from './gguf/convertModel.ts';
import { checkGolden, readGolden } from './golden.ts';

const ROOT = path.join(import.meta.dirname, '..');
const FOLDER = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-gguf-'));
after(() => fs.rmSync(FOLDER, { recursive: true }));

/** Greedy tokens that are compared; after more, the error of Q8_0 makes another the likeliest. */
const TOKENS = { F32: 16, F16: 16, Q8_0: 6 } as const;

function folderOf(name: string): string {
  return path.join(ROOT, 'models', name);
}

/** Where the converted model is; `latent` as convertModel has it. */
function convert(name: string, type: MatrixType, latent: 'split' | 'whole' = 'split'): string {
  const file = path.join(FOLDER, `${name}-${type}-${latent}.gguf`);
  fs.writeFileSync(file, convertModel(folderOf(name), type, latent));
  return file;
}

const CASES = [
  ['qwen3-tiny', 'F32', 'split'],
  ['qwen3-tiny', 'Q8_0', 'split'],
  ['deepseek-v3-tiny', 'F32', 'split'],
  ['deepseek-v3-tiny', 'F16', 'whole'],
  ['deepseek-v3-tiny', 'Q8_0', 'split'],
] as const;

for (const [name, type, latent] of CASES) {
  const original = loadModel(folderOf(name));
  const model = loadModel(convert(name, type, latent));

  test(`${name} in ${type}, latent ${latent}: the configuration is that of the folder`, () => {
    const ends = { eos_token_id: [] };
    assert.deepEqual({ ...model.config.config, ...ends }, { ...original.config.config, ...ends });
    assert.equal(model.config.family, original.config.family);
  });

  test(`${name} in ${type}, latent ${latent}: weights are within the error of the format`, () => {
    const { weights } = model.graph({ logits: 'last' });
    for (const [weight, { load, shape }] of original.graph({ logits: 'last' }).weights) {
      const required = load();
      const found = weights.get(weight)!.load();
      const bound = errorBound(type, shape.length < 2 ? 1 : shape.at(-1)!, required);
      assert.ok(
        found.every((x, i) => Math.abs(x - required[i]!) <= bound),
        weight,
      );
    }
  });

  test(`${name} in ${type}, latent ${latent}: stored rows decode to the weights`, () => {
    const graph = model.graph({ logits: 'last', latentAttention: 'absorbed' });
    const sources = [...foldConstants.run(graph).weights.values()];
    const halves = latent === 'split' ? 2 : 1;
    assert.equal(storedLatent(sources), name.startsWith('deepseek') ? halves : 0);
    const stored = sources.filter((source) => source.stored !== undefined);
    assert.ok(stored.length > 10);
    for (const source of stored) {
      const { format, rowBytes, readBytes } = source.stored!;
      const required = source.load();
      const [rows, width] = [required.length / source.shape.at(-1)!, source.shape.at(-1)!];
      const found = new Float32Array(required.length);
      const bytes = readBytes(0, rows);
      assert.equal(bytes.length, rows * rowBytes);
      ggmlTypeOf(format).decode!(bytes, found);
      assert.deepEqual(found, required, source.name);
      const last = new Float32Array(width);
      ggmlTypeOf(format).decode!(readBytes(rows - 1, 1), last);
      assert.deepEqual(last, required.subarray(-width), source.name);
    }
  });

  test(`${name} in ${type}, latent ${latent}: greedy generation gives PyTorch's tokens`, () => {
    const [first] = readGolden(name);
    checkTokens(model, type, first!);
  });
}

/** How many kinds of halves of the up-projection of latents are stored as they are used. */
function storedLatent(sources: readonly WeightSource[]): number {
  const stored = sources.filter(({ stored }) => stored !== undefined).map(({ name }) => name);
  return [/^transpose.*kv_b_proj.*key/, /^model.*kv_b_proj.*value/].filter((half) =>
    stored.some((name) => half.test(name)),
  ).length;
}

/** Largest error of an element: half a step of Q8_0 and the rounding of its scale, or of f16. */
function errorBound(type: MatrixType, width: number, values: Float32Array): number {
  if (type === 'F32' || width === 1) return 0;
  const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return type === 'F16' ? largest * 2 ** -11 : largest / 127;
}

function checkTokens(
  model: Model,
  type: MatrixType,
  given: ReturnType<typeof readGolden>[number],
): void {
  const graph = model.graph({ logits: 'last' });
  if (type === 'F32') checkGolden(graph, [given], TOKENS[type]);
  else checkGolden(graph, [given], TOKENS[type], 0.05);
}

test('tokenizers agree on texts of many kinds, and so do chats', () => {
  for (const name of ['qwen3-tiny', 'deepseek-v3-tiny']) {
    const [original, model] = [loadModel(folderOf(name)), loadModel(convert(name, 'Q8_0'))];
    const texts = [
      '',
      'Hello, world! 你好，世界。 12345 ½ ①',
      "I'll DON'T we've  \n\n\t x\r\n  y",
      'e\u0301 ﬁ Ω 한국어 ภาษาไทย עברית 🙂👨‍👩‍👧 \u0000\uFFFD',
      '<|im_start|>user\nhi<|im_end|>\n<|endoftext|><|im_start|>',
      'for (let i = 0; i < 10; i++) { a[i] += b["x"] ?? 0; }',
    ];
    for (const text of texts) {
      const ids = original.tokenizer.encode(text);
      assert.deepEqual(model.tokenizer.encode(text), ids);
      for (const skipSpecial of [true, false]) {
        const decoded = original.tokenizer.decode(ids, { skipSpecial });
        assert.equal(model.tokenizer.decode(ids, { skipSpecial }), decoded);
      }
    }
    assert.deepEqual(model.tokenizer.specialTokens, original.tokenizer.specialTokens);
    assert.equal(model.tokenizer.vocabularySize, original.tokenizer.vocabularySize);
    const messages = [{ role: 'user', content: 'hi' }];
    assert.equal(model.chat.apply(messages), original.chat.apply(messages));
  }
});

async function answer(...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await celadon(...args, '--json');
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

test('inspect, run and eval open a GGUF file', async () => {
  const file = convert('deepseek-v3-tiny', 'Q8_0');
  const folder = folderOf('deepseek-v3-tiny');
  const [found, required] = [await answer('inspect', file), await answer('inspect', folder)];
  for (const field of ['architecture', 'family', 'parameters', 'stateBytesPerToken', 'operators']) {
    assert.deepEqual(found[field], required[field]);
  }
  assert.deepEqual(found['skippedTensors'], []);
  const formats = (found['stored'] as { format: string }[]).map(({ format }) => format);
  assert.deepEqual(formats.toSorted(), ['F32', 'Q8_0']);

  const options = ['-p', 'Once upon a time', '-n', '4'];
  const run = await answer('run', file, ...options);
  const byFolder = await answer('run', folder, ...options);
  assert.deepEqual(run['promptTokens'], byFolder['promptTokens']);
  assert.equal((run['tokens'] as number[]).length, 4);

  const tokens = path.join(FOLDER, 'tokens.json');
  fs.writeFileSync(tokens, JSON.stringify(byFolder['promptTokens']));
  const perplexities: number[] = [];
  for (const model of [file, folder]) {
    const { perplexity } = await answer('eval', model, '--tokens', tokens);
    perplexities.push(perplexity as number);
  }
  assert.ok(Math.abs(perplexities[0]! / perplexities[1]! - 1) < 0.05, `${perplexities}`);
});
