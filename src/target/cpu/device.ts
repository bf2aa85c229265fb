/** A device of the cpu target: a memory with a model, and threads that run kernels on it. */
import { CapacityError, UsageError } from '../../base/index.ts';
import type {
  Device,
  DeviceBytes,
  DeviceRows,
  DeviceSnapshot,
  Program,
  StepInputs,
  StepResult,
} from '../../compile/index.ts';
import { requireContinues, tokensPerRow } from '../../ir/index.ts';
import type { WasmMemory } from '../../wasm/index.ts';
import type { Trace } from '../../trace/index.ts';
import type { CodeStore } from './emitted/codeStore.ts';
import { bindProgram, type Binding } from './binding.ts';
import { DeviceMemory, type MemoryOptions } from './deviceMemory.ts';
import { CpuProgram, type Output } from './emit.ts';
import { compiledKernels } from './kernels/kernelModule.ts';
import { compiledWalk } from './kernels/walk.ts';
import { PANEL_FORMAT_NAMES, type PanelFormatName } from './panels/panelFormats.table.ts';
import { RotaryRows } from './rotaryRows.ts';
import { putSnapshot, SlotRows, snapshotOf, type CpuRows, type CpuSnapshot } from './slots.ts';
import type { KernelSource } from './threads/kernelSet.ts';
import { ThreadPool, type Runner } from './threads/pool.ts';
import { nowMs, traceTimes } from './threads/times.ts';
import type { Level } from '../../x86/index.ts';
import { adviseHugePages, machineCode } from './x86/index.ts';

export interface CpuDeviceOptions extends MemoryOptions {
  /** Of machine code; without it all is WebAssembly. */
  readonly level: Level | undefined;
  /** The least multiply-accumulates of a part of a kernel's call. */
  readonly workOfPart: number;
  /** Where the code of kernels is kept between runs. */
  readonly code?: CodeStore | undefined;
  /** Records the time of each chunk of a step, in cycles of the clock of the trace. */
  readonly trace?: Trace;
}

/** Runs programs of one model; its weights and states are loaded and grow as programs need them. */
export class CpuDevice implements Device {
  readonly #options: CpuDeviceOptions;
  #memory: DeviceMemory;
  /** Started with the first program. */
  #runner: Runner | undefined;
  /** Further memories that its kernels read. */
  #panels: readonly WasmMemory[] = [];
  /** Formats of panels that its kernels read. */
  readonly #formats = new Set<PanelFormatName>();
  /** Tokens that each slot has seen. */
  readonly #lengths: number[] = [];
  #bindings = new WeakMap<CpuProgram, Binding>();
  /** Of the first program; those of others of the model are the same. */
  #rows: SlotRows | undefined;
  readonly #rotary = new RotaryRows();

  constructor(options: CpuDeviceOptions) {
    this.#options = options;
    this.#memory = new DeviceMemory(options);
  }

  run(program: Program, inputs: StepInputs): StepResult {
    const { logits, hidden, ...others } = this.begin(program, inputs)();
    return { ...others, logits: logits.slice(), ...(hidden && { hidden: hidden.slice() }) };
  }

  begin(program: Program, inputs: StepInputs): () => StepResult {
    if (!(program instanceof CpuProgram)) {
      throw new UsageError(`a program must be for the cpu target, not for ${program.target}`);
    }
    requireInputs(program, inputs);
    const { positions, firstSlot = 0 } = inputs;
    if (program.model.recurrent) requireContinues(positions, this.#lengths.slice(firstSlot));
    const binding = this.#bind(program, firstSlot);
    this.#feed(program, inputs);
    const end = this.#beginStep(program, binding, firstSlot);
    return () => {
      end();
      for (const [b, start] of positions.entries())
        this.#lengths[firstSlot + b] = start + program.dims.T;
      return this.#results(program);
    };
  }

  snapshot(slot: number): CpuSnapshot {
    return snapshotOf(this.#memory, slot, this.#lengths[slot] ?? 0);
  }

  restore(slot: number, snapshot: DeviceSnapshot): void {
    putSnapshot(this.#memory, slot, snapshot as CpuSnapshot);
    this.#lengths[slot] = snapshot.tokens;
  }

  saveRows(slot: number, from: number, to: number, unread?: DeviceRows): CpuRows {
    return this.#rows!.save(slot, from, to, unread as CpuRows | undefined);
  }

  loadRows(slot: number, rows: DeviceRows): void {
    this.#rows!.load(slot, rows as CpuRows);
  }

  copyRows(from: number, to: number, tokens: number): void {
    this.#rows!.copy(from, to, tokens);
  }

  get bytes(): DeviceBytes {
    return this.#memory.bytes;
  }

  reset(): void {
    this.#memory.reset();
    this.#lengths.length = 0;
  }

  /** Gives memory, weights and threads back; a later run starts afresh. */
  close(): void {
    this.#options.readers?.close();
    this.#runner?.close();
    this.#runner = undefined;
    this.#memory = new DeviceMemory(this.#options);
    this.#bindings = new WeakMap();
    this.#rows = undefined;
    this.#lengths.length = 0;
  }

  #beginStep({ content }: CpuProgram, { work }: Binding, firstSlot: number): () => void {
    const startMs = nowMs();
    const end = this.#runner!.begin(work, firstSlot);
    return () => {
      const times = end();
      if (times === undefined) return;
      traceTimes(this.#options.trace!, work, content.steps, times, startMs);
    };
  }

  /** Threads whose kernels read the formats of the program, and of those before. */
  #startFor(program: CpuProgram): void {
    const { formats } = program;
    const panels = this.#memory.panelsOf(program);
    const isKnown = panels === this.#panels && formats.every((name) => this.#formats.has(name));
    if (this.#runner && isKnown) return;
    this.#panels = panels;
    this.#runner?.close();
    for (const name of formats) this.#formats.add(name);
    const all = PANEL_FORMAT_NAMES.filter((name) => this.#formats.has(name));
    this.#runner = startThreads({ memory: this.#memory.memory, panels }, this.#options, all);
  }

  /** Before there is anything in the memories. */
  #askForHugePages(program: CpuProgram): void {
    adviseHugePages([this.#memory.memory, ...this.#memory.panelsOf(program)]);
  }

  #bind(program: CpuProgram, firstSlot: number): Binding {
    if (this.#runner === undefined) this.#askForHugePages(program);
    const layout = this.#memory.reserve(program, firstSlot);
    // Weights are read while kernels are made and workers start.
    this.#startFor(program);
    this.#memory.finishLoading();
    this.#rows ??= new SlotRows(this.#memory, tokensPerRow(program.graph));
    const known = this.#bindings.get(program);
    if (known?.layout === layout) return known;
    const binding = bindProgram(program, layout, this.#options);
    this.#bindings.set(program, binding);
    return binding;
  }

  #feed({ content: { feeds }, dims }: CpuProgram, inputs: StepInputs): void {
    const { tokens, positions, hidden } = inputs;
    this.#memory.integers(feeds.tokens, tokens.length).set(tokens);
    this.#memory.integers(feeds.positions, positions.length).set(positions);
    if (hidden && feeds.hidden) this.#memory.floats(feeds.hidden.at, hidden.length).set(hidden);
    for (const feed of feeds.rotary) {
      const size = dims.B * dims.T * feed.frequencies.length;
      const [cos, sin] = [this.#memory.floats(feed.cos, size), this.#memory.floats(feed.sin, size)];
      this.#rotary.write(feed, positions, dims.T, { cos, sin });
    }
  }

  #results({ content: { outputs } }: CpuProgram): StepResult {
    const { logits, next, hidden } = outputs;
    const rows = (output: Output): Float32Array => this.#memory.floats(output, output.elements);
    return {
      logits: rows(logits!),
      ...(hidden && { hidden: rows(hidden) }),
      next: this.#memory.integers(next!, next!.elements).slice(),
      cycles: null,
    };
  }
}

function requireInputs(program: CpuProgram, inputs: StepInputs): void {
  const { tokens, positions } = inputs;
  const { dims, model } = program;
  const { vocabularySize } = model;
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

function startThreads(
  memories: Required<Pick<KernelSource, 'memory' | 'panels'>>,
  { threads, level, trace, code }: CpuDeviceOptions,
  formats: readonly PanelFormatName[],
): Runner {
  const [shared, instances] = [threads > 1, 1 + memories.panels.length];
  const { module } = compiledKernels(shared, formats, instances > 1, code);
  const walk = level
    ? { code: machineCode(level, formats, code) }
    : { module: compiledWalk(shared, instances) };
  return new ThreadPool({ module, ...memories, walk }, threads, trace !== undefined);
}
