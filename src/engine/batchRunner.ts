/**
 * BatchRunner: sequences in consecutive slots of one device. It compiles a program for each shape, runs it,
 * and takes states out of slots and puts them into others.
 */
import { CapacityError } from '../base/index.ts';
import type {
  Device,
  DeviceRows,
  DeviceSnapshot,
  Program,
  StepResult,
  Target,
} from '../compile/index.ts';
import { hasReplacedStates, type Graph } from '../ir/index.ts';
import { beginStep } from './beginStep.ts';
import { ProgramCache } from './programCache.ts';
import { vocabularySize } from './vocabularySize.ts';

/** Tokens for one slot, after those that it has. */
export interface Feed {
  readonly position: number;
  readonly tokens: readonly number[];
}

/** What a step gave for one slot: rows of each token, or of the last alone, as the graph has it. */
export interface Fed {
  /** [rows][V] */
  readonly logits: Float32Array;
  /** The largest of each row. */
  readonly next: Int32Array;
  /** [tokens][H], of a graph with an output `hidden`. */
  readonly hidden?: Float32Array;
}

/** A step of several slots, and its cycles; null where the target has no cycle model. */
export interface BatchStep {
  readonly fed: readonly Fed[];
  readonly cycles: number | null;
}

/** A step that the device may be running. */
export interface BegunStep {
  /** How many of the feeds it is for: the first. */
  readonly count: number;
  /** Waits for it. What is given must be read before the next step begins. */
  end(): BatchStep;
}

/** Where and for how much a step is. */
export interface StepPlace {
  readonly firstSlot: number;
  /** The program has room for so many tokens, or for as many as are needed. */
  readonly context?: number;
  /** Tokens that the slots after those that are fed have, which must stay as they are. */
  readonly after?: readonly number[];
}

/** The least context that is compiled for; then it doubles, so that programs are few. */
const LEAST_CONTEXT = 64;

export class BatchRunner {
  readonly contextTokens: number;
  readonly vocabularySize: number;
  /** Whether the graph gives logits of all tokens. */
  readonly givesAllRows: boolean;
  /** Whether a sequence can only go on from where it is, or from a snapshot. */
  readonly recurrent: boolean;
  readonly #programs: ProgramCache;
  readonly #device: Device;
  /** The most sequences with which steps of so many tokens were found to fit, by tokens. */
  readonly #mostSequences = new Map<number, number>();

  /** Throws what the passes of the target throw. */
  constructor(graph: Graph, target: Target, device: Device, contextTokens: number) {
    this.contextTokens = contextTokens;
    this.vocabularySize = vocabularySize(graph);
    this.givesAllRows = graph.outputs.get('logits')!.type.shape[1] !== 1;
    this.recurrent = hasReplacedStates(graph);
    this.#programs = new ProgramCache(graph, target);
    this.#device = device;
  }

  /** The most tokens of a step, of all sequences together. */
  get maxTokens(): number {
    return this.#programs.maxTokens;
  }

  /**
   * Feeds as many tokens each to slots from `firstSlot` on: to all, or to the first of them, as many as a
   * program can take. Throws what compiling and the device throw.
   */
  begin(given: readonly Feed[], { firstSlot, context = 0, after = [] }: StepPlace): BegunStep {
    const feeds = [...given, ...this.#fillers(given, after)];
    const T = feeds[0]!.tokens.length;
    const S = Math.max(context, ...feeds.map(({ position }) => position + T));
    const program = this.#programFor(feeds.length, T, this.#contextFor(S));
    const { B } = program.dims;
    const batch = feeds.slice(0, B);
    const end = beginStep(this.#device, program, {
      tokens: Int32Array.from(batch.flatMap(({ tokens }) => tokens)),
      positions: Int32Array.from(batch, ({ position }) => position),
      firstSlot,
    });
    const count = Math.min(B, given.length);
    return { count, end: () => stepOf(end(), count, B) };
  }

  /** A step from its beginning to its end. */
  run(feeds: readonly Feed[], place: StepPlace): BatchStep {
    return this.begin(feeds, place).end();
  }

  /**
   * Tokens of no sense for slots after those of `feeds`, so that batches have few sizes, since each needs a program.
   * They leave a row behind the tokens that the slot has, where its next token comes; states that steps replace have
   * no such place.
   */
  #fillers(feeds: readonly Feed[], after: readonly number[]): Feed[] {
    if (this.recurrent) return [];
    const tokens = feeds[0]!.tokens.map(() => 0);
    const fillers = after
      .slice(0, roundBatch(feeds.length) - feeds.length)
      .map((position) => ({ position, tokens }));
    const fit = fillers.every(({ position }) => position + tokens.length <= this.contextTokens);
    return fit ? fillers : [];
  }

  /**
   * Makes room for so many slots of the whole context, or for half as many, and so on, if more do not fit the
   * device: by a token of no sense in the last of them. All must be free. How many there are; throws
   * CapacityError when not even one fits.
   */
  reserve(slots: number): number {
    try {
      const place = { firstSlot: slots - 1, context: this.contextTokens };
      this.run([{ position: 0, tokens: [0] }], place);
      return slots;
    } catch (error) {
      if (!(error instanceof CapacityError) || slots === 1) throw error;
      return this.reserve(Math.floor(slots / 2));
    }
  }

  /** Makes slot `to` what slot `from` is, which has been fed so many tokens. */
  move(from: number, to: number, tokens: number): void {
    if (tokens === 0) return;
    if (this.#device.copyRows) this.#device.copyRows(from, to, tokens);
    else this.loadRows(to, this.saveRows(from, 0, tokens));
    if (this.recurrent) this.restore(to, this.snapshot(from));
  }

  saveRows(slot: number, from: number, to: number, unread?: DeviceRows): DeviceRows {
    return this.#device.saveRows(slot, from, to, unread);
  }

  loadRows(slot: number, rows: DeviceRows): void {
    this.#device.loadRows(slot, rows);
  }

  snapshot(slot: number): DeviceSnapshot {
    return this.#device.snapshot!(slot);
  }

  restore(slot: number, snapshot: DeviceSnapshot): void {
    this.#device.restore!(slot, snapshot);
  }

  close(): void {
    this.#device.close();
  }

  #contextFor(tokens: number): number {
    const doubled = 2 ** Math.ceil(Math.log2(Math.max(tokens, LEAST_CONTEXT)));
    return Math.max(tokens, Math.min(doubled, this.contextTokens));
  }

  /** A program for `B` sequences, or for half as many, and so on, where more do not fit the target. */
  #programFor(B: number, T: number, S: number): Program {
    const most = this.#mostSequences.get(T) ?? Math.max(1, Math.floor(this.maxTokens / T));
    const count = Math.min(B, most);
    try {
      return this.#programs.program({ B: count, T, S });
    } catch (error) {
      if (!(error instanceof CapacityError) || count === 1) throw error;
      this.#mostSequences.set(T, Math.ceil(count / 2));
      return this.#programFor(B, T, S);
    }
  }
}

/** What the first `count` of `B` sequences got. */
function stepOf({ logits, next, hidden, cycles }: StepResult, count: number, B: number): BatchStep {
  const fed = Array.from({ length: count }, (_, b) => ({
    logits: partOf(logits, b, B),
    next: partOf(next, b, B),
    ...(hidden && { hidden: partOf(hidden, b, B) }),
  }));
  return { fed, cycles };
}

/** A size for a batch, of a few: at most a quarter more. */
function roundBatch(count: number): number {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(count)) - 2);
  return Math.ceil(count / step) * step;
}

/** Part `b` of `B` equal ones. */
function partOf<A extends Float32Array | Int32Array>(all: A, b: number, B: number): A {
  const length = all.length / B;
  return all.subarray(b * length, (b + 1) * length) as A;
}
