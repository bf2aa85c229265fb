/**
 * How fast a target reads prompts and generates, on tokens without sense: the tests of llama-bench [1].
 *
 * [1] https://github.com/ggml-org/llama.cpp, tools/llama-bench
 */
import { Random, UsageError } from '../base/index.ts';
import type { Device, DeviceBytes, Target } from '../compile/index.ts';
import type { Graph } from '../ir/index.ts';
import { beginStep } from './beginStep.ts';
import { ProgramCache } from './programCache.ts';
import { vocabularySize } from './vocabularySize.ts';

/** What is timed: a prompt of `promptTokens`, then `generatedTokens` one by one. */
export interface ThroughputTest {
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** Tokens that each sequence holds before the clock starts. */
  readonly depthTokens: number;
  /** Sequences side by side, each with as many tokens. */
  readonly sequences: number;
}

/** One repetition of a test. */
export interface ThroughputSample {
  /** Host time. */
  readonly seconds: number;
  /** Simulated cycles; null where the target has no cycle model. */
  readonly cycles: number | null;
}

/** Tokens that a test times, of all sequences together. */
export function timedTokens({ promptTokens, generatedTokens, sequences }: ThroughputTest): number {
  return (promptTokens + generatedTokens) * sequences;
}

/** Tokens that each sequence has at the end of a test. */
export function contextOf({ promptTokens, generatedTokens, depthTokens }: ThroughputTest): number {
  return depthTokens + promptTokens + generatedTokens;
}

/** Runs tests of one model on one device, which keeps weights and programs between them. */
export class ThroughputBench {
  readonly #programs: ProgramCache;
  readonly #device: Device;
  readonly #vocabularySize: number;

  /** Throws what the passes of the target throw. */
  constructor(graph: Graph, target: Target) {
    this.#programs = new ProgramCache(graph, target);
    this.#device = target.open({});
    this.#vocabularySize = vocabularySize(graph);
  }

  /**
   * The samples of a test, as they come. A repetition before the first warms up: it compiles the
   * programs and loads the weights. All repetitions have the same tokens. Throws UsageError for a
   * test of no tokens, and what compiling throws.
   */
  *samples(test: ThroughputTest, repetitions: number): Generator<ThroughputSample, void> {
    if (timedTokens(test) === 0) {
      throw new UsageError('a test must read or generate a token, not none', {
        where: 'throughput test',
        hint: 'give a prompt, or tokens to generate',
      });
    }
    this.#repeat(test);
    for (let i = 0; i < repetitions; i++) yield this.#repeat(test);
  }

  /** What the device has taken for the tests so far; null where it does not count. */
  get bytes(): DeviceBytes | null {
    return this.#device.bytes ?? null;
  }

  close(): void {
    this.#device.close();
  }

  #repeat(test: ThroughputTest): ThroughputSample {
    const { promptTokens, generatedTokens, depthTokens } = test;
    const random = new Random(1);
    this.#device.reset();
    this.#feed(test, random, 0, depthTokens);
    const start = performance.now();
    const prompt = this.#feed(test, random, depthTokens, promptTokens);
    const generated = Array.from({ length: generatedTokens }, (_, i) =>
      this.#step(test, random, depthTokens + promptTokens + i, 1),
    );
    const seconds = (performance.now() - start) / 1000;
    return { seconds, cycles: sum([...prompt, ...generated]) };
  }

  /** Feeds `count` tokens to each sequence, in steps that the target can take; the cycles of each. */
  #feed(test: ThroughputTest, random: Random, from: number, count: number): (number | null)[] {
    const most = Math.max(1, Math.floor(this.#programs.maxTokens / test.sequences));
    return Array.from({ length: Math.ceil(count / most) }, (_, i) =>
      this.#step(test, random, from + i * most, Math.min(most, count - i * most)),
    );
  }

  #step(test: ThroughputTest, random: Random, position: number, T: number): number | null {
    const B = test.sequences;
    const program = this.#programs.program({ B, T, S: contextOf(test) });
    const tokens = Int32Array.from({ length: B * T }, () => random.uint32() % this.#vocabularySize);
    const positions = new Int32Array(B).fill(position);
    return beginStep(this.#device, program, { tokens, positions })().cycles;
  }
}

function sum(cycles: readonly (number | null)[]): number | null {
  return cycles.reduce<number | null>(
    (total, own) => (total === null || own === null ? null : total + own),
    0,
  );
}
