/** The cpu target: f32 in WebAssembly SIMD, and in x86-64 machine code where that runs. */
import { CapacityError, perObject, UsageError } from '../../base/index.ts';
import type { BufferPlan, Kernel, Pass, Support, Target } from '../../compile/index.ts';
import type { Dims, Graph, Node } from '../../ir/index.ts';
import type { Trace } from '../../trace/index.ts';
import { CpuDevice } from './device.ts';
import type { CodeStore } from './emitted/codeStore.ts';
import { emitProgram, type CpuProgram } from './emit.ts';
import type { ImageStore } from './images/imageStore.ts';
import type { Readers } from './loading/readers.node.ts';
import { scheduleGraph, type CpuSchedule } from './schedule.ts';
import { supportsNode } from './supports.ts';
import { storageOf, type WeightStorage } from './weightStorage.ts';
import { chooseEmitter, type EmitterChoice, type EmitterRequest } from './x86/index.ts';

/** Options of the target. */
export interface CpuOptions {
  /** The most tokens a sequence may have; without it only memory is the limit. */
  readonly contextTokens?: number;
  /** Threads that share the work, 1 unless said; the results do not depend on it. */
  readonly threads?: number;
  /** What the kernels are made with; `auto` unless said: machine code of the best level that can run here. */
  readonly emitter?: EmitterRequest;
  /** The least multiply-accumulates that a thread takes at a time; 32768 unless said. */
  readonly workOfPart?: number;
  /**
   * What weights of few bits, but FP8, are multiplied with; `int8` unless said. With `f32` they are kept in f32, and
   * results are those of the interpreter.
   */
  readonly activations?: 'int8' | 'f32';
  /** Keeps weights ready to be used between runs; without it each run prepares them. */
  readonly images?: ImageStore | undefined;
  /** Keeps the code of kernels between runs; without it each run emits it. */
  readonly code?: CodeStore | undefined;
  /** Threads that help to read weights, beside several `threads`; the device of the target closes them. */
  readonly readers?: Readers | undefined;
  /** What weights may take in one memory, 4 GiB unless said; those in panels that need more go to further ones. */
  readonly memoryBytes?: number | undefined;
  /** What all weights may take; what the host gives unless said. */
  readonly machineBytes?: number | undefined;
}

type Optional = 'images' | 'code' | 'readers' | 'memoryBytes' | 'machineBytes';
type Settings = Required<Omit<CpuOptions, Optional>> & Pick<CpuOptions, Optional>;

/** Multiply-accumulates of a task that is worth taking: some microseconds. */
const WORK_OF_PART = 1 << 15;

/** Context is compiled for in steps of this many tokens. */
const CONTEXT_STEP = 64;

/** Tokens of a step: enough to be bound by arithmetic, few enough for the cache. */
const MAX_TOKENS = 256;

/** More than any machine has to give. */
const MOST_THREADS = 256;

/**
 * The cpu target. Throws UsageError unless `contextTokens` and `threads` are counts, UnsupportedError for machine
 * code where it cannot run.
 */
export function cpuTarget({
  contextTokens = Infinity,
  threads = 1,
  emitter = 'auto',
  workOfPart = WORK_OF_PART,
  activations = 'int8',
  images,
  code,
  readers,
  memoryBytes,
  machineBytes,
}: CpuOptions = {}): CpuTarget {
  if (!(Number.isSafeInteger(threads) && threads >= 1 && threads <= MOST_THREADS)) {
    throw new UsageError(
      `threads must be a whole number from 1 to ${MOST_THREADS}, not ${threads}`,
    );
  }
  if (contextTokens !== Infinity && !(Number.isSafeInteger(contextTokens) && contextTokens > 0)) {
    throw new UsageError(`contextTokens must be a whole number from 1, not ${contextTokens}`);
  }
  return new CpuTarget(
    {
      contextTokens,
      threads,
      emitter,
      workOfPart,
      activations,
      images,
      code,
      readers,
      memoryBytes,
      machineBytes,
    },
    chooseEmitter(emitter),
  );
}

/** The target; made by `cpuTarget`. */
export class CpuTarget implements Target<CpuSchedule, CpuProgram> {
  readonly name = 'cpu';
  readonly passes: readonly Pass[] = [];
  readonly #options: Settings;
  readonly #storageOf: (graph: Graph) => WeightStorage;

  /** What the kernels are made with, and if it is not machine code, why. */
  readonly emitter: EmitterChoice;

  constructor(options: Settings, emitter: EmitterChoice) {
    this.#options = options;
    this.#storageOf = perObject((graph) => storageOf(graph, options.activations));
    this.emitter = emitter;
  }

  supports(node: Node): Support {
    return supportsNode(node);
  }

  /** Throws CapacityError for more context than `contextTokens`. */
  bucket({ B, T, S }: Dims): Dims {
    if (S > this.#options.contextTokens) {
      throw new CapacityError(
        `a sequence must have at most ${this.#options.contextTokens} tokens of context, not ${S}`,
        { hint: 'shorten the text, or give the target a larger contextTokens' },
      );
    }
    const rounded = Math.ceil(S / CONTEXT_STEP) * CONTEXT_STEP;
    return { B, T, S: Math.min(rounded, this.#options.contextTokens) };
  }

  maxTokens(): number {
    return MAX_TOKENS;
  }

  /** Node by node: kernels of one op each. */
  schedule(_: readonly Kernel[], graph: Graph, dims: Dims): CpuSchedule {
    return scheduleGraph(graph, dims, this.#storageOf(graph), this.#options.threads);
  }

  emit(schedule: CpuSchedule, plan: BufferPlan): CpuProgram {
    return emitProgram(schedule, plan);
  }

  open({ trace }: { readonly trace?: Trace } = {}): CpuDevice {
    const { level } = this.emitter;
    return new CpuDevice({ ...this.#options, level, ...(trace && { trace }) });
  }
}
