/**
 * The interfaces every target implements: what is compiled for (Target), the compiled artefact
 * (Program), and what runs it (Device).
 *
 * A program is specialised for one shape bucket. Weights and state live in the device, so programs
 * are small and a device runs many of them, one a bucket.
 */
import type { Dims, Graph, Node } from '../ir/index.ts';
import type { Trace } from '../trace/index.ts';
import type { Kernel } from './fuseKernels.ts';
import type { BufferPlan, PlannedBuffer, Region } from './planMemory.ts';

/** Whether a target runs a node; if not, the reason a person can act on. */
export type Support = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface Pass {
  /** Verb and object, as shown by `--dump`. */
  readonly name: string;
  run(graph: Graph): Graph;
}

/** Kernels in order, tiled for the target, on buffers that have no address yet. */
export interface Schedule {
  readonly graph: Graph;
  readonly dims: Dims;
  readonly buffers: readonly PlannedBuffer[];
  readonly regions: readonly Region[];
}

/** A compiled artefact. Pure data: the same graph, target and dims give the same bytes. */
export interface Program {
  readonly target: string;
  readonly dims: Dims;
  /** The graph it computes, after all passes; weights by name. */
  readonly graph: Graph;
  /** Content hash (sha-256, hex) of what the device executes. */
  readonly hash: string;
  readonly sizeBytes: number;
  /** Human-readable listing. */
  listing(): string;
  /** Human-readable memory map. */
  memoryMap(): string;
}

export interface StepInputs {
  /** Token ids [B][T], row-major. */
  readonly tokens: Int32Array;
  /** Start position of each sequence [B]: how many tokens its state already holds. */
  readonly positions: Int32Array;
  /** The slot of the first sequence, 0 when absent; the others follow it. */
  readonly firstSlot?: number;
  /** f32 rows [B][T], for a graph that reads the `hidden` rows of another. */
  readonly hidden?: Float32Array;
}

export interface StepResult {
  /** f32 logits, rows × vocabulary: T rows a sequence, or 1 for a last-token graph. */
  readonly logits: Float32Array;
  /** Greedy next token of each row, chosen by the target itself. */
  readonly next: Int32Array;
  /** f32 rows [B][T], of a graph with an output `hidden`. */
  readonly hidden?: Float32Array;
  /** Simulated cycles, or null where the target has no cycle model. */
  readonly cycles: number | null;
}

/** The states that steps replace, as a slot had them; for the device alone to read. */
export interface DeviceSnapshot {
  /** How many tokens the slot had seen. */
  readonly tokens: number;
  readonly sizeBytes: number;
}

/** Bytes that a device has taken for a model, by what they are for. */
export interface DeviceBytes {
  /** As the device keeps them. */
  readonly weights: number;
  /** Of all slots, with the room that they have to grow. */
  readonly state: number;
}

/** The rows that a slot had of tokens `from` to `to`; for the device alone to read. */
export interface DeviceRows {
  readonly from: number;
  readonly to: number;
  readonly sizeBytes: number;
}

/**
 * A device has slots: places for the states of one sequence each. A step runs sequences of consecutive
 * slots, each at a position of its own. What a sequence is consists of rows, which steps append (keys,
 * latent rows, compressed entries), and of states that steps replace (recurrences, windows, what
 * compressors hold); rows that several tokens share are of all of them.
 */
export interface Device {
  run(program: Program, inputs: StepInputs): StepResult;
  /**
   * Begins a step, which threads of the device may run while the caller does other things; until what is returned has
   * ended it, nothing else may be asked of the device. The results are the device's own memory, which the next step
   * overwrites. Throws as `run`, now or at the end.
   */
  begin?(program: Program, inputs: StepInputs): () => StepResult;
  /**
   * A copy of the states of a slot that steps replace, to come back to: after `restore`, of that slot or
   * another, the sequence goes on from where it was, exactly as the first time. Rows that were appended
   * since stay, and are not seen. A device whose states are rows alone may have neither: there a step may
   * start at any position that was reached.
   */
  snapshot?(slot: number): DeviceSnapshot;
  restore?(slot: number, snapshot: DeviceSnapshot): void;
  /**
   * A copy of the rows of tokens `from` to `to`, which the slot has been fed; where that fits, in the memory of
   * `unread`, which nobody may read any more.
   */
  saveRows(slot: number, from: number, to: number, unread?: DeviceRows): DeviceRows;
  /** Gives a slot rows that a slot of this device had, at the same tokens. */
  loadRows(slot: number, rows: DeviceRows): void;
  /** Gives slot `to` the rows that slot `from` has of its first tokens; a device without it saves and loads them. */
  copyRows?(from: number, to: number, tokens: number): void;
  /** What it has taken for the programs that it has run; absent where nothing is counted. */
  readonly bytes?: DeviceBytes;
  /** Forgets all state; weights stay. */
  reset(): void;
  close(): void;
}

export interface Target<S extends Schedule = Schedule, P extends Program = Program> {
  readonly name: string;
  /** Passes after the common ones, e.g. quantisation for the target's formats. */
  readonly passes: readonly Pass[];
  supports(node: Node): Support;
  /** The bucket a program for `dims` is specialised for, each dim ≥ the request's. T stays exact. */
  bucket(dims: Dims): Dims;
  /** Largest T one program may take for this graph; longer prompts are fed in chunks. */
  maxTokens(graph: Graph): number;
  /** Tiles and orders the kernels for this target. Throws CapacityError when no tile fits. */
  schedule(kernels: readonly Kernel[], graph: Graph, dims: Dims): S;
  /** The program: pure, the same input gives the same bytes. */
  emit(schedule: S, plan: BufferPlan): P;
  open(options: { readonly trace?: Trace }): Device;
}
