/**
 * The conformance suite: every case on every target, held to a judge.
 *
 *   reference, cpu   within TOLERANCE of the graph as it is written, interpreted without any pass
 *   jade-*           the bits of the interpreter with the chip's numerics and passes
 *
 * A target may refuse a case, with a reason; docs/support.md lists who refuses what.
 */
import { EMITTERS } from '../emitters.ts';
import assert from 'node:assert/strict';
import { UnsupportedError } from '../../src/base/index.ts';
import { chipNames, loadChip } from '../../src/chip/index.ts';
import {
  compileLowered,
  lowerGraph,
  type Device,
  type Program,
  type StepInputs,
  type StepResult,
  type Target,
} from '../../src/compile/index.ts';
import {
  f32Of,
  floatNumerics,
  i32Of,
  Interpreter,
  topologicalOrder,
  type Dims,
  type Graph,
} from '../../src/ir/index.ts';
import { cpuTarget } from '../../src/target/cpu/index.ts';
import { jadeNumerics, jadePasses, jadeTarget } from '../../src/target/jade/index.ts';
import { referenceTarget } from '../../src/target/reference/index.ts';
import { argMax, bitsOf } from '../session.ts';
import { FEEDINGS, graphOf, VOCABULARY, type Case, type Feeding, type Step } from './case.ts';

/** Difference from the judge, relative to the largest of a row of logits (docs/numerics.md). */
const TOLERANCE = 1e-4;

/** Room for the longest feeding. */
const CONTEXT_TOKENS = 160;

/** Runs one step; state stays from step to step. */
type Run = (dims: Dims, inputs: StepInputs) => Pick<StepResult, 'logits' | 'next'>;

/** A target, and what its results are held to. */
export interface Subject {
  readonly name: string;
  readonly target: Target;
  readonly judge: (graph: Graph) => Run;
  readonly agree: (found: Float32Array, required: Float32Array) => void;
}

export const SUBJECTS: readonly Subject[] = [
  { name: 'reference', target: referenceTarget(), judge: interpreted, agree: requireClose },
  { name: 'cpu', target: cpuTarget(), judge: interpreted, agree: requireClose },
  ...chipNames().map((name): Subject => {
    const chip = loadChip(name);
    const judge = referenceTarget(jadeNumerics(chip), jadePasses(chip));
    return {
      name,
      target: jadeTarget(chip, { contextTokens: CONTEXT_TOKENS, batch: 2, checkHazards: true }),
      judge: (graph) => onTarget(judge, graph),
      agree: (found, required) => assert.deepEqual(bitsOf(found), bitsOf(required)),
    };
  }),
];

/** The cpu with each emitter that runs here but the one that SUBJECTS have. */
export const OTHER_EMITTERS: readonly Subject[] = EMITTERS.filter(
  (emitter) => emitter !== (cpuTarget().emitter.level ?? 'wasm'),
).map((emitter) => ({
  name: `cpu, ${emitter}`,
  target: cpuTarget({ emitter }),
  judge: interpreted,
  agree: requireClose,
}));

/** Why `target` does not run the case, or undefined when it must. */
export function refusalOf(given: Case, target: Target): string | undefined {
  return whyRefused(graphOf(given), target);
}

/** Why `target` does not run the graph, all reasons at once, or undefined when it must. */
export function whyRefused(graph: Graph, target: Target): string | undefined {
  try {
    const lowered = lowerGraph(graph, target);
    const reasons = topologicalOrder(lowered).flatMap((node) => {
      const support = target.supports(node);
      return support.ok ? [] : [`${node.op}: ${support.reason}`];
    });
    if (reasons.length > 0) return [...new Set(reasons)].join('; ');
    compileLowered(lowered, target, target.bucket({ B: 1, T: 1, S: 1 }));
    return undefined;
  } catch (error) {
    if (error instanceof UnsupportedError) return error.message;
    throw error;
  }
}

/** Runs all feedings of the case on the subject, and asserts that each step is as the judge has it. */
export function check(given: Case, { target, judge, agree }: Subject): void {
  for (const feeding of given.feedings ?? FEEDINGS) {
    const graph = graphOf(given);
    const [subject, other] = [onTarget(target, graph), judge(graph)];
    for (const step of inSteps(feeding, target, graph)) {
      const { dims, inputs } = fed(step);
      const [found, required] = [subject(dims, inputs), other(dims, inputs)];
      requireMeaning(required.logits);
      agree(found.logits, required.logits);
      requireChoice(found);
    }
  }
}

/** A judge of zeros, or of no numbers, would agree with much. */
function requireMeaning(logits: Float32Array): void {
  const largest = logits.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assert.ok(largest > 0.01 && largest < 1e4, `logits must be of order 1, not ${largest}`);
}

function requireClose(found: Float32Array, required: Float32Array): void {
  assert.equal(found.length, required.length);
  const largest = Math.max(...required.map(Math.abs));
  const error = Math.max(...required.map((value, i) => Math.abs(found[i]! - value))) / largest;
  assert.ok(error < TOLERANCE, `logits must be within ${TOLERANCE} of the judge's, not ${error}`);
}

/** The next tokens are the largest of each row, the first of equals. */
function requireChoice({ logits, next }: Pick<StepResult, 'logits' | 'next'>): void {
  const width = logits.length / next.length;
  const largest = next.map((_, row) => argMax(logits.subarray(row * width, (row + 1) * width)));
  assert.deepEqual(next, largest);
}

/** Tokens that meet every row of the tables, the first and the last included. */
function fed({ tokens: T, positions }: Step): { dims: Dims; inputs: StepInputs } {
  const [B, S] = [positions.length, Math.max(...positions) + T];
  const tokens = Int32Array.from({ length: B * T }, (_, i) => (i * 29 + S) % VOCABULARY);
  return { dims: { B, T, S }, inputs: { tokens, positions: Int32Array.from(positions) } };
}

/** The steps, split where the target takes fewer tokens at a time. */
function inSteps(feeding: Feeding, target: Target, graph: Graph): Step[] {
  const most = target.maxTokens(lowerGraph(graph, target));
  return feeding.flatMap(({ tokens, positions }) => {
    const size = Math.max(1, Math.floor(most / positions.length));
    return Array.from({ length: Math.ceil(tokens / size) }, (_, i) => ({
      tokens: Math.min(size, tokens - i * size),
      positions: positions.map((position) => position + i * size),
    }));
  });
}

/** The graph as it is, without any pass. */
function interpreted(graph: Graph): Run {
  const interpreter = new Interpreter(floatNumerics);
  return (dims, inputs) => {
    const results = interpreter.run(graph, dims, inputs);
    return { logits: f32Of(results.get('logits')!), next: i32Of(results.get('next')!) };
  };
}

function onTarget(target: Target, graph: Graph): Run {
  const lowered = lowerGraph(graph, target);
  const device: Device = target.open({});
  return (dims, inputs) => {
    const program: Program = compileLowered(lowered, target, target.bucket(dims));
    return device.run(program, inputs);
  };
}
