/**
 * A Jade device: the simulator with a model in its memory. The host writes token ids and positions,
 * starts a program, and reads logits and the chosen tokens.
 */
import { CapacityError, formatBytes, UsageError } from '../../base/index.ts';
import type { Chip } from '../../chip/index.ts';
import type {
  Device,
  DeviceRows,
  DeviceSnapshot,
  Program,
  StepInputs,
  StepResult,
} from '../../compile/index.ts';
import { lastDim } from '../../ir/index.ts';
import type { Trace } from '../../trace/index.ts';
import type { JadeProgram } from './emit/program.ts';
import { HostRows, type HostMemory } from './hostRows.ts';
import { writeImage } from './image.ts';
import { QUEUES, type Instruction } from './isa.table.ts';
import { MAX_STEP_ROWS } from './layout.ts';
import { GIVEN_ROWS, HIDDEN_ROWS, type PlainRegion } from './memoryRegions.ts';
import { createSimulator, type RunOptions, type RunStats, type Simulator } from './sim/index.ts';
import { Slots } from './slots.ts';

export interface JadeDevice extends Device {
  /** Counters of the last run. */
  readonly lastRun: RunStats | undefined;
}

/** Sees all that a host does with the chip, in order: for those who do it again elsewhere. */
export interface HostObserver {
  /** The memory, when the model has been put there. */
  loaded(memory: Uint8Array): void;
  wrote(address: number, bytes: Uint8Array): void;
  positioned(positions: Int32Array): void;
  /** A run begins; what it returns sees the run's instructions. */
  begins(): NonNullable<RunOptions['observe']>;
  ran(program: readonly Instruction[], stats: RunStats): void;
  read(address: number, bytes: Uint8Array): void;
}

export interface JadeDeviceOptions {
  readonly trace?: Trace;
  readonly observer?: HostObserver;
  /** Stop with an error when instructions that conflict overlap in time: for tests. */
  readonly checkHazards?: boolean;
}

export function openJadeDevice(chip: Chip, options: JadeDeviceOptions): JadeDevice {
  return new SimulatedJade(chip, options);
}

class SimulatedJade implements JadeDevice {
  lastRun: RunStats | undefined;
  /** There with a model that has states to come back to. */
  snapshot?: (slot: number) => DeviceSnapshot;
  restore?: (slot: number, snapshot: DeviceSnapshot) => void;
  private readonly chip: Chip;
  private readonly options: JadeDeviceOptions;
  private readonly hostRows = new HostRows();
  private readonly memory: HostMemory = {
    read: (address, bytes) => this.simulator!.memory.subarray(address, address + bytes),
    write: (address, bytes) => this.writeAt(address, bytes),
  };
  private slots: Slots | undefined;
  private simulator: Simulator | undefined;
  private layoutBytes = 0;
  private states: readonly (readonly [number, number])[] = [];

  constructor(chip: Chip, options: JadeDeviceOptions) {
    this.chip = chip;
    this.options = options;
  }

  run(program: Program, inputs: StepInputs): StepResult {
    const jade = program as JadeProgram;
    const simulator = this.prepare(jade);
    const { T, S } = jade.dims;
    checkInputs(jade, inputs);
    this.write(jade, 'tokens', bytesOf(inputs.tokens));
    if (inputs.hidden !== undefined) this.write(jade, GIVEN_ROWS, bytesOf(inputs.hidden));
    const slots = this.slots!;
    slots.start(inputs);
    this.hostRows.write(jade.graph, jade.layout, inputs, this.memory);
    simulator.positions.set(inputs.positions);
    const { trace, checkHazards, observer } = this.options;
    observer?.positioned(inputs.positions);
    const observe = observer?.begins();
    const instructions = slots.instructionsFrom(jade.instructions, inputs.firstSlot ?? 0);
    const stats = simulator.run(instructions, {
      maxPosition: S - T,
      collectEvents: trace !== undefined,
      checkHazards: checkHazards ?? false,
      ...(observe !== undefined && { observe }),
    });
    observer?.ran(instructions, stats);
    this.lastRun = stats;
    if (trace !== undefined) record(trace, jade, stats);
    return this.results(jade, stats);
  }

  saveRows(slot: number, from: number, to: number): DeviceRows {
    return this.slots!.saveRows(slot, from, to);
  }

  loadRows(slot: number, rows: DeviceRows): void {
    this.slots!.loadRows(slot, rows);
  }

  reset(): void {
    for (const [address, bytes] of this.states)
      this.simulator?.memory.fill(0, address, address + bytes);
    this.slots?.forget();
  }

  close(): void {
    this.simulator = undefined;
  }

  /** Loads the model on first use; later programs must be of the same model. */
  private prepare(program: JadeProgram): Simulator {
    const { layout } = program;
    if (this.simulator === undefined) {
      requireMemory(this.chip, program);
      this.simulator = allocate(this.chip, program);
      writeImage(this.simulator.memory, layout, program.graph);
      const states = [...layout.regions.values()].filter(isState);
      this.states = states.map((region) => [region.address, region.sizeBytes] as const);
      this.layoutBytes = layout.sizeBytes;
      this.keep(new Slots(program, layout, this.memory));
      this.options.observer?.loaded(this.simulator.memory);
    }
    if (this.layoutBytes !== layout.sizeBytes) {
      throw new UsageError('a device runs the programs of one model with one context length');
    }
    return this.simulator;
  }

  private keep(slots: Slots): void {
    this.slots = slots;
    if (!slots.haveReplaced) return;
    this.snapshot = (slot) => slots.snapshot(slot);
    this.restore = (slot, snapshot) => slots.restore(slot, snapshot);
  }

  private write(program: JadeProgram, mailbox: string, bytes: Uint8Array): void {
    this.writeAt(program.layout.regions.get(mailbox)!.address, bytes);
  }

  private writeAt(address: number, bytes: Uint8Array): void {
    this.simulator!.memory.set(bytes, address);
    this.options.observer?.wrote(address, bytes);
  }

  private read(program: JadeProgram, mailbox: string, bytes: number): ArrayBuffer {
    const { address } = program.layout.regions.get(mailbox)!;
    const found = this.simulator!.memory.slice(address, address + bytes);
    this.options.observer?.read(address, found);
    return found.buffer as ArrayBuffer;
  }

  private results(program: JadeProgram, stats: RunStats): StepResult {
    const { type } = program.graph.outputs.get('logits')!;
    const rows = program.dims.B * (type.shape[1] === 1 ? 1 : program.dims.T);
    return {
      logits: new Float32Array(this.read(program, 'logits', rows * lastDim(type) * 4)),
      next: new Int32Array(this.read(program, 'next', rows * 4)),
      ...this.hiddenRows(program),
      cycles: stats.cycles,
    };
  }

  private hiddenRows(program: JadeProgram): Pick<StepResult, 'hidden'> {
    const { graph, dims } = program;
    const node = graph.outputs.get('hidden');
    if (node === undefined) return {};
    const bytes = dims.B * dims.T * lastDim(node.type) * 4;
    return { hidden: new Float32Array(this.read(program, HIDDEN_ROWS, bytes)) };
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function isState({ kind }: PlainRegion): boolean {
  return kind === 'state' || kind === 'replaced';
}

function checkInputs({ dims, layout }: JadeProgram, inputs: StepInputs): void {
  const { tokens, positions, firstSlot = 0, hidden } = inputs;
  const { B, T, S } = dims;
  if (tokens.length !== B * T || positions.length !== B) {
    throw new UsageError(
      `the program takes ${B}×${T} tokens and ${B} positions, not ${tokens.length} and ${positions.length}`,
    );
  }
  const given = (layout.regions.get(GIVEN_ROWS)?.sizeBytes ?? 0) / (MAX_STEP_ROWS * 4);
  const required = given * B * T;
  if (required !== (hidden?.length ?? 0))
    throw new UsageError(
      `a step must be fed ${required} numbers of hidden rows, not ${hidden?.length ?? 0}`,
    );
  if (firstSlot + B > layout.batch)
    throw new CapacityError(
      `the state has room for ${layout.batch} sequences, not ${firstSlot + B}`,
      { hint: 'give the target a larger batch' },
    );
  const end = Math.max(...positions) + T;
  if (end > S) throw new CapacityError(`the program holds ${S} tokens of context, not ${end}`);
}

function requireMemory(chip: Chip, { layout, graph }: JadeProgram): void {
  if (layout.sizeBytes <= chip.memory.sizeBytes) return;
  throw new CapacityError(
    `weights, state and mailboxes must fit the ${chip.memory.sizeBytes} bytes of ${chip.name}, not need ${layout.sizeBytes}`,
    {
      where: graph.name,
      hint: 'use a shorter context, smaller weight formats or a chip with more memory',
    },
  );
}

function allocate(chip: Chip, { layout, graph }: JadeProgram): Simulator {
  try {
    return createSimulator(chip, layout.sizeBytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CapacityError(
      `simulating ${chip.name} must have ${formatBytes(layout.sizeBytes)} for its memory, which the host refuses`,
      { where: graph.name, hint: 'use a shorter context or a smaller model' },
    );
  }
}

function record(trace: Trace, program: JadeProgram, stats: RunStats): void {
  for (const { index, queue, start, end } of stats.events ?? []) {
    const { op } = program.instructions[index]!;
    const label = program.labels[index]!;
    trace.add({
      track: QUEUES[queue]!,
      name: op,
      label,
      startCycles: start,
      durationCycles: end - start,
    });
  }
  trace.advance(stats.cycles);
}
