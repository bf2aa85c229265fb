/** A model on the RTL: what a host does with the simulated chip is done again on the Verilated one. */
import type { Chip } from '../../chip/index.ts';
import { generate, ModelRunner } from '../../engine/index.ts';
import type { Model } from '../../model/index.ts';
import { jadeTarget, loadVerification, type Difference } from '../../target/jade/index.ts';

export interface ModelSession {
  readonly promptTokens: number;
  /** Generated greedily; the first comes from the last step of the prompt. */
  readonly newTokens: number;
  /** The prompt, repeated as often as needed. */
  readonly prompt?: string;
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

/**
 * Compares each instruction, the logits and the tokens of all steps. Throws UnsupportedError without
 * Verilator, CapacityError where the chip has no room for the model.
 */
export async function modelOnRtl(
  chip: Chip,
  model: Pick<Model, 'name' | 'graph' | 'tokenizer'>,
  { prompt = PROMPT, promptTokens, newTokens, decodeOnly }: ModelSession,
): Promise<ModelReport> {
  const { buildBench, SessionRecorder } = await loadVerification();
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
