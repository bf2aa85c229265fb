/** A text of a demo model on the cpu target, as a browser runs it: from files in memory. */
import { complete, generate, ModelRunner } from '../../src/engine/index.ts';
import { loadModelInMemory, MODEL_FILES } from '../../src/model/index.ts';
import { cpuTarget } from '../../src/target/cpu/index.ts';

const PROMPT = '<|im_start|>user\n';
const NEW_TOKENS = 24;

/** The tokens of a greedy generation, the same wherever it runs. */
export async function generateText(
  fetchFile: (path: string) => Promise<Uint8Array>,
  threads: number,
): Promise<{ text: string; tokens: readonly number[] }> {
  const files = new Map<string, Uint8Array>();
  for (const file of MODEL_FILES) files.set(file, await fetchFile(`models/qwen3-tiny/${file}`));
  const model = loadModelInMemory('qwen3-tiny', files);
  const target = cpuTarget({ threads, workOfPart: 1024 });
  const device = target.open();
  const runner = new ModelRunner(model.graph({ logits: 'last' }), target, device, 64);
  const prompt = model.tokenizer.encode(PROMPT);
  const { tokens } = complete(generate(runner, prompt, { maxNewTokens: NEW_TOKENS }));
  device.close();
  return { tokens, text: model.tokenizer.decode([...tokens]) };
}
