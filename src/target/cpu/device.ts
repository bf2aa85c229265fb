/** A device of the cpu target: a memory with a model, and threads that run kernels on it. */
import { CapacityError, UsageError } from '../../base/index.ts';
import {
  type Device,
  type DeviceSnapshot,
  type Program,
  type StepInputs,
  type StepResult,
} from '../../compile/index.ts';
import { requireContinues, rotaryTable, type Dims, type RotaryTable } from '../../ir/index.ts';
import { type Trace } from '../../trace/index.ts';
import { bindProgram, type Binding } from './binding.ts';
import { DeviceMemory } from './deviceMemory.ts';
import { CpuProgram, type Output } from './emit.ts';
import { compiledKernels } from './kernels/kernelModule.ts';
import { type Placed, type RotaryFeed } from './steps.ts';
import { singleThread, ThreadPool, type Runner } from './threads/pool.ts';
import { nowMs, traceTimes } from './threads/times.ts';
import { machineCode, type Emitter } from './x86/index.ts';

export interface CpuDeviceOptions {
  /** What the states of a sequence grow to, unless a program needs more. */
  readonly contextTokens: number;
  /** Threads that share the work; 1 starts none. */
  readonly threads: number;
  /** What the kernels are made with. */
  readonly emitter: Emitter;
  /** The least multiply-accumulates of a part of a kernel's call. */
  readonly workOfPart: number;
  /** Records the time of each chunk of a step, in cycles of the clock of the trace. */
  readonly trace?: Trace;
}

interface CpuSnapshot extends DeviceSnapshot {
  readonly states: ReadonlyMap<string, Uint8Array>;
}

/** Runs programs of one model; its weights and states are loaded and grow as programs need them. */
export class CpuDevice implements Device {
  readonly #options: CpuDeviceOptions;
  #memory: DeviceMemory;
  /** Started when weights are there: a model that cannot be loaded needs no threads. */
  #runner: Runner | undefined;
  /** Tokens that each sequence has seen. */
  readonly #lengths: number[] = [];
  #bindings = new WeakMap<CpuProgram, Binding>();

  constructor(options: CpuDeviceOptions) {
    this.#options = options;
    this.#memory = new DeviceMemory(options.contextTokens, options.threads);
  }

  run(program: Program, inputs: StepInputs): StepResult {
    if (!(program instanceof CpuProgram)) {
      throw new UsageError(`a program must be for the cpu target, not for ${program.target}`);
    }
    requireInputs(program, inputs);
    if (program.recurrent) requireContinues(inputs.positions, this.#lengths);
    const binding = this.#bind(program);
    this.#feed(program, inputs);
    this.#runSteps(program, binding);
    for (const [b, start] of inputs.positions.entries()) this.#lengths[b] = start + program.dims.T;
    return this.#results(program);
  }

  snapshot(): CpuSnapshot {
    return { lengths: [...this.#lengths], states: this.#memory.replacedStates() };
  }

  restore(snapshot: DeviceSnapshot): void {
    const { lengths, states } = snapshot as CpuSnapshot;
    this.#memory.putStates(states);
    this.#lengths.splice(0, Infinity, ...lengths);
  }

  reset(): void {
    this.#memory.reset();
    this.#lengths.length = 0;
  }

  /** Gives memory, weights and threads back; a later run starts afresh. */
  close(): void {
    const { contextTokens, threads } = this.#options;
    this.#runner?.close();
    this.#runner = undefined;
    this.#memory = new DeviceMemory(contextTokens, threads);
    this.#bindings = new WeakMap();
    this.#lengths.length = 0;
  }

  #runSteps({ content: { steps } }: CpuProgram, binding: Binding): void {
    this.#runner ??= startThreads(this.#memory, this.#options);
    const startMs = nowMs();
    const times = this.#runner.run(binding);
    if (times !== undefined) traceTimes(this.#options.trace!, binding, steps, times, startMs);
  }

  #bind(program: CpuProgram): Binding {
    const layout = this.#memory.reserve(program);
    const known = this.#bindings.get(program);
    if (known?.layout === layout) return known;
    const binding = bindProgram(program, layout, this.#options.workOfPart);
    this.#bindings.set(program, binding);
    return binding;
  }

  #feed({ content: { feeds }, dims }: CpuProgram, inputs: StepInputs): void {
    const { tokens, positions, hidden } = inputs;
    const write = (to: Placed, table: Float32Array): void =>
      this.#memory.floats(to, table.length).set(table);
    this.#memory.integers(feeds.tokens, tokens.length).set(tokens);
    this.#memory.integers(feeds.positions, positions.length).set(positions);
    if (feeds.hidden !== undefined) write(feeds.hidden.at, hidden!);
    const all = positionsOf(positions, dims);
    for (const feed of feeds.rotary) {
      const { cos, sin } = tableOf(feed, all);
      write(feed.cos, cos);
      write(feed.sin, sin);
    }
  }

  #results({ content: { outputs } }: CpuProgram): StepResult {
    const { logits, next, hidden } = outputs;
    const rows = (output: Output): Float32Array =>
      this.#memory.floats(output, output.elements).slice();
    return {
      logits: rows(logits!),
      ...(hidden && { hidden: rows(hidden) }),
      next: this.#memory.integers(next!, next!.elements).slice(),
      cycles: null,
    };
  }
}

function tableOf(
  { frequencies, magnitude, offset }: RotaryFeed<Placed>,
  positions: readonly number[],
): RotaryTable {
  return rotaryTable(
    frequencies,
    magnitude,
    positions.map((position) => position + offset),
  );
}

/** The position of each token of the step [B][T]. */
function positionsOf(starts: Int32Array, { T }: Dims): number[] {
  return Array.from(starts).flatMap((start) => Array.from({ length: T }, (_, t) => start + t));
}

function requireInputs(program: CpuProgram, inputs: StepInputs): void {
  const { tokens, positions } = inputs;
  const { dims, vocabularySize } = program;
  const { B, T, S } = dims;
  if (tokens.length !== B * T || positions.length !== B) {
    throw new UsageError(
      `a step of ${B} × ${T} tokens must have as many, and ${B} positions, ` +
        `not ${tokens.length} and ${positions.length}`,
    );
  }
  requireHidden(program, inputs.hidden?.length);
  const wrong = tokens.findIndex((token) => token < 0 || token >= vocabularySize);
  if (wrong >= 0) {
    throw new UsageError(
      `token must be an id from 0 to ${vocabularySize - 1}, not ${tokens[wrong]}`,
      { where: `token ${wrong}` },
    );
  }
  const beyond = positions.findIndex((start) => start < 0 || start + T > S);
  if (beyond < 0) return;
  const start = positions[beyond]!;
  throw new CapacityError(
    `context must hold positions ${start} to ${start + T - 1}, but has ${S}`,
    { where: `sequence ${beyond}`, hint: 'compile for a longer context' },
  );
}

function requireHidden({ content }: CpuProgram, length: number | undefined): void {
  const elements = content.feeds.hidden?.elements;
  if (elements === undefined || elements === length) return;
  throw new UsageError(`a step must be fed ${elements} numbers of hidden rows, not ${length ?? 0}`);
}

function startThreads({ memory }: DeviceMemory, options: CpuDeviceOptions): Runner {
  const { threads, emitter, trace } = options;
  const isNative = emitter === 'x86';
  const kernels = compiledKernels(threads > 1);
  const module = isNative ? kernels.module : kernels.optimized;
  const source = { module, memory, ...(isNative && { code: machineCode() }) };
  const timed = trace !== undefined;
  return threads > 1 ? new ThreadPool(source, threads, timed) : singleThread(source, timed);
}
