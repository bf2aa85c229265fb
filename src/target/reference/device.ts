import type {
  Device,
  DeviceRows,
  DeviceSnapshot,
  Program,
  StepInputs,
  StepResult,
} from '../../compile/index.ts';
import {
  f32Of,
  i32Of,
  Interpreter,
  type InterpreterRows,
  type InterpreterSnapshot,
  type Numerics,
} from '../../ir/index.ts';

/** Interprets programs; weights and states are the interpreter's. */
export class ReferenceDevice implements Device {
  readonly #interpreter: Interpreter;

  constructor(numerics: Numerics) {
    this.#interpreter = new Interpreter(numerics);
  }

  run({ graph, dims }: Program, inputs: StepInputs): StepResult {
    const results = this.#interpreter.run(graph, dims, inputs);
    const hidden = results.get('hidden');
    return {
      logits: f32Of(results.get('logits')!),
      next: i32Of(results.get('next')!),
      ...(hidden && { hidden: f32Of(hidden) }),
      cycles: null,
    };
  }

  snapshot(slot: number): InterpreterSnapshot {
    return this.#interpreter.snapshot(slot);
  }

  restore(slot: number, snapshot: DeviceSnapshot): void {
    this.#interpreter.restore(snapshot as InterpreterSnapshot, slot);
  }

  saveRows(slot: number, from: number, to: number): InterpreterRows {
    return this.#interpreter.saveRows(slot, from, to);
  }

  loadRows(slot: number, rows: DeviceRows): void {
    this.#interpreter.loadRows(slot, rows as InterpreterRows);
  }

  reset(): void {
    this.#interpreter.reset();
  }

  close(): void {
    this.reset();
  }
}
