/**
 * ModelRunner: one sequence on one device. It feeds tokens in steps that the target can take, and
 * keeps count of the context and of the time.
 */
import { CapacityError } from '../base/index.ts';
import type { Device, DeviceSnapshot, Target } from '../compile/index.ts';
import type { Graph } from '../ir/index.ts';
import { beginStep } from './beginStep.ts';
import { ProgramCache } from './programCache.ts';
import { requireFinite, requireTokenIds } from './requireTokens.ts';
import { vocabularySize } from './vocabularySize.ts';

/** The result of one step: of `count` tokens from `position` on. */
export interface Step {
  readonly position: number;
  readonly count: number;
  /**
   * Rows × vocabulary: a row for each token, or one for the last, as the graph has it. It may be memory of the device,
   * which the next step overwrites.
   */
  readonly logits: Float32Array;
  /** The largest of each row. */
  readonly next: Int32Array;
  /** A row for each token, of a graph with an output `hidden`. */
  readonly hidden?: Float32Array;
  /** Simulated cycles; null where the target has no cycle model. */
  readonly cycles: number | null;
  /** Host time to compile, and to run. */
  readonly compileSeconds: number;
  readonly runSeconds: number;
}

/** A place in a sequence that the runner can come back to. */
export interface Mark {
  readonly position: number;
  readonly snapshot: DeviceSnapshot | undefined;
}

/** Where a runner keeps its sequence, and what it compiles with, if others use the same device. */
export interface RunnerPlace {
  readonly slot: number;
  readonly programs: ProgramCache;
}

/** Runs the graph of a model for one sequence. */
export class ModelRunner {
  /** The most tokens the sequence may have. */
  readonly contextTokens: number;
  readonly vocabularySize: number;
  readonly #programs: ProgramCache;
  readonly #device: Device;
  readonly #slot: number;
  #position = 0;

  /**
   * Runs `graph` on `device`, which `target` has opened, with room for `contextTokens`. Throws what the
   * passes of the target throw.
   */
  constructor(
    graph: Graph,
    target: Target,
    device: Device,
    contextTokens: number,
    { slot, programs }: RunnerPlace = { slot: 0, programs: new ProgramCache(graph, target) },
  ) {
    this.contextTokens = contextTokens;
    this.vocabularySize = vocabularySize(graph);
    this.#programs = programs;
    this.#device = device;
    this.#slot = slot;
  }

  /** Tokens the sequence has. */
  get position(): number {
    return this.#position;
  }

  /** Whether `count` more tokens fit into the context. */
  canFeed(count: number): boolean {
    return this.#position + count <= this.contextTokens;
  }

  /**
   * Appends tokens to the sequence, in as few steps as the target allows; yields after each. A graph
   * that reads `hidden` is fed a row for each. Throws UsageError for an id that the model does not have,
   * CapacityError when the context is too short.
   */
  *feed(tokens: readonly number[], hidden?: Float32Array): Generator<Step, void> {
    this.requireTokens(tokens);
    const { maxTokens } = this.#programs;
    const width = (hidden?.length ?? 0) / tokens.length;
    for (let start = 0; start < tokens.length; start += maxTokens) {
      const end = start + maxTokens;
      yield this.#step(tokens.slice(start, end), hidden?.subarray(start * width, end * width));
    }
  }

  /** Throws what `feed` would throw for these tokens; `where` says whose they are. */
  requireTokens(tokens: readonly number[], where = 'the tokens'): void {
    requireTokenIds(tokens, this.vocabularySize, where);
    if (this.canFeed(tokens.length)) return;
    const wanted = this.#position + tokens.length;
    throw new CapacityError(
      `a sequence must have at most ${this.contextTokens} tokens of context, not ${wanted}`,
      { where, hint: `shorten the text by ${wanted - this.contextTokens} tokens` },
    );
  }

  /** Where the sequence is now, to come back to. */
  mark(): Mark {
    return { position: this.#position, snapshot: this.#device.snapshot?.(this.#slot) };
  }

  /**
   * Goes back to `mark` and on by the first `count` of the tokens that were fed after it. Where states
   * are rows this costs nothing; a state that steps replace is restored and these tokens fed again.
   */
  rewind({ position, snapshot }: Mark, fed: readonly number[], count: number): void {
    this.#position = position;
    if (snapshot === undefined) {
      this.#position += count;
      return;
    }
    this.#device.restore!(this.#slot, snapshot);
    for (const _ of this.feed(fed.slice(0, count)));
  }

  /** The most tokens of one step. */
  get maxStepTokens(): number {
    return this.#programs.maxTokens;
  }

  /** Starts a new sequence; weights and programs stay. */
  reset(): void {
    this.#device.reset();
    this.#position = 0;
  }

  #step(tokens: readonly number[], rows?: Float32Array): Step {
    const position = this.#position;
    const count = tokens.length;
    const start = performance.now();
    const program = this.#programs.program({ B: 1, T: count, S: position + count });
    const compiled = performance.now();
    const fed = { tokens: Int32Array.from(tokens), positions: Int32Array.of(position) };
    const inputs = { ...fed, firstSlot: this.#slot, ...(rows && { hidden: rows }) };
    const { logits, next, hidden, cycles } = beginStep(this.#device, program, inputs)();
    this.#position += count;
    const compileSeconds = (compiled - start) / 1000;
    const runSeconds = (performance.now() - compiled) / 1000;
    requireFinite(logits, `step from token ${position}`);
    const times = { cycles, compileSeconds, runSeconds };
    return { position, count, logits, next, ...(hidden && { hidden: hidden.slice() }), ...times };
  }
}
