/** A model on the RTL: what a host does with the simulated chip is done again on the Verilated one. */
import type { Chip } from '../chip/index.ts';
import { generate, ModelRunner } from '../engine/index.ts';
import type { Difference } from '../target/jade/index.ts';
import { openModel } from './models.ts';

export interface ModelVerification {
  readonly model: string;
  /** The prompt, repeated as often as needed. */
  readonly prompt?: string;
  readonly promptTokens: number;
  /** Generated greedily; the first comes from the last step of the prompt. */
  readonly newTokens: number;
  /** The simulator alone runs the prompt; the RTL goes on with the memory that it left. */
  readonly decodeOnly?: boolean;
}

export interface ModelReport {
  readonly model: string;
  readonly tokens: readonly number[];
  readonly instructions: number;
  readonly cycles: number;
  /** Of the RTL alone. */
  readonly seconds: number;
  readonly difference: Difference | undefined;
}

const PROMPT = 'Once upon a time ';

/** Compares each instruction, the logits and the tokens of all steps. */
export async function verifyModel(
  chip: Chip,
  { model: name, prompt = PROMPT, promptTokens, newTokens, decodeOnly }: ModelVerification,
): Promise<ModelReport> {
  const { jadeTarget, loadVerification } = await import('../target/jade/index.ts');
  const { buildBench, SessionRecorder } = await loadVerification();
  const model = openModel(name);
  const contextTokens = promptTokens + newTokens;
  const session = new SessionRecorder(chip);
  const target = jadeTarget(chip, { contextTokens });
  const device = target.open({ observer: session });
  const runner = new ModelRunner(model.graph({ logits: 'last' }), target, device, contextTokens);
  const tokens = repeated(model.tokenizer.encode(prompt), promptTokens);
  const steps = generate(runner, tokens, { maxNewTokens: newTokens });
  let next = steps.next();
  for (; !next.done; next = steps.next())
    if (decodeOnly === true && next.value.kind === 'prompt') session.restart();
  device.close();
  const bench = buildBench(chip);
  const begin = performance.now();
  const { instructions, cycles, differences } = bench.play(session.script);
  const seconds = (performance.now() - begin) / 1000;
  const report = { model: model.name, tokens: next.value.tokens, instructions, cycles, seconds };
  return { ...report, difference: differences[0] };
}

function repeated(tokens: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, i) => tokens[i % tokens.length]!);
}
