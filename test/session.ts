/** Runs a model on a target step by step, as the engine does, for tests that look at every logit. */
import assert from 'node:assert/strict';
import {
  compileLowered,
  lowerGraph,
  type Device,
  type Program,
  type Target,
} from '../src/compile/index.ts';
import type { Graph } from '../src/ir/index.ts';

export class Session {
  readonly device: Device;
  cycles = 0;
  private readonly target: Target;
  private readonly graph: Graph;
  private readonly programs = new Map<string, Program>();
  private position = 0;

  constructor(target: Target, graph: Graph) {
    this.target = target;
    this.graph = lowerGraph(graph, target);
    this.device = target.open({});
  }

  /** Feeds tokens in one step and returns the logits it left. */
  step(tokens: readonly number[]): Float32Array {
    const T = tokens.length;
    const dims = this.target.bucket({ B: 1, T, S: this.position + T });
    const key = `${dims.T} ${dims.S}`;
    const program = this.programs.get(key) ?? compileLowered(this.graph, this.target, dims);
    this.programs.set(key, program);
    const positions = Int32Array.of(this.position);
    const result = this.device.run(program, { tokens: Int32Array.from(tokens), positions });
    this.position += T;
    this.cycles += result.cycles ?? 0;
    return result.logits;
  }

  /** Feeds tokens `size` at a time and returns the logits of the last step. */
  feed(tokens: readonly number[], size: number): Float32Array {
    let logits: Float32Array = new Float32Array();
    for (let i = 0; i < tokens.length; i += size) logits = this.step(tokens.slice(i, i + size));
    return logits;
  }

  reset(): void {
    this.device.reset();
    this.position = 0;
  }
}

export function argMax(logits: Float32Array): number {
  return logits.reduce((best, value, i) => (value > logits[best]! ? i : best), 0);
}

/** Bits of floats, for comparisons that tell −0 from 0. */
export function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** The largest difference, relative to the largest of `required`. */
export function difference(found: Float32Array, required: Float32Array): number {
  assert.equal(found.length, required.length);
  const largest = required.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return found.reduce((most, x, i) => Math.max(most, Math.abs(x - required[i]!)), 0) / largest;
}

/** Logits whose sums have another order: within 1e-4, relative to the largest. */
export function requireClose(found: Float32Array, required: Float32Array): void {
  const error = difference(found, required);
  assert.ok(error <= 1e-4, `${error} of the largest`);
}
