/**
 * Types on the operand stack while a function is built: the validation algorithm of [1, appendix A.3].
 *
 * A stack of value types, and a stack of frames, one for each open block. A frame owns the operands
 * above its `height`. After a jump that never falls through the rest of the frame is unreachable:
 * pops below the height then succeed with whatever type is asked for.
 *
 * [1] https://www.w3.org/TR/wasm-core-2/#validation-algorithm
 */
import type { ValueType } from './types.ts';

/** What opened a frame. */
export type FrameKind = 'function' | 'block' | 'loop' | 'if' | 'else';

/** An open block of the function; also the label that branches name. */
export interface Frame {
  readonly kind: FrameKind;
  readonly results: readonly ValueType[];
  readonly height: number;
  unreachable: boolean;
}

/** Reports a broken rule: what was required and what was found. Must throw. */
export type Fail = (required: string, found: string) => never;

/** The type of an operand popped in unreachable code, where any type fits. */
export type OperandType = ValueType | 'unknown';

/** Tracks operand types and open blocks, and calls `fail` at the first misuse. */
export class OperandStack {
  readonly #types: OperandType[] = [];
  readonly #frames: Frame[] = [];
  readonly #fail: Fail;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  /** The innermost open frame. */
  get frame(): Frame {
    return this.#frames.at(-1) ?? this.#fail('an open function', 'one that has ended');
  }

  /** Number of open frames, the function's own included. */
  get depth(): number {
    return this.#frames.length;
  }

  /** Operands of the innermost frame, as text for messages. */
  describe(): string {
    const own = this.#types.slice(this.frame.height);
    return own.length === 0 ? 'an empty stack' : own.join(' ');
  }

  push(...types: readonly OperandType[]): void {
    this.#types.push(...types);
  }

  /** Pop one operand of any type. */
  popAny(): OperandType {
    const { height, unreachable } = this.frame;
    if (this.#types.length > height) return this.#types.pop()!;
    return unreachable ? 'unknown' : this.#fail('an operand', this.describe());
  }

  /** Pop operands; the last of `types` is on top. */
  pop(...types: readonly ValueType[]): void {
    const found = this.describe();
    const available = this.#types.length - this.frame.height;
    if (available < types.length && !this.frame.unreachable) this.#fail(types.join(' '), found);
    for (const required of types.toReversed()) {
      const type = this.popAny();
      if (type !== required && type !== 'unknown') this.#fail(types.join(' '), found);
    }
  }

  /** Open a frame that must leave `results`. */
  open(kind: FrameKind, results: readonly ValueType[]): Frame {
    const frame = { kind, results, height: this.#types.length, unreachable: false };
    this.#frames.push(frame);
    return frame;
  }

  /** Close the innermost frame; it must hold its results and nothing else. They are not pushed. */
  close(): Frame {
    const { frame } = this;
    const found = this.describe();
    this.pop(...frame.results);
    if (this.#types.length !== frame.height) {
      this.#fail(`a ${frame.kind} that leaves ${frame.results.join(' ') || 'nothing'}`, found);
    }
    this.#frames.pop();
    return frame;
  }

  /** The rest of the innermost frame cannot be reached: forget its operands. */
  markUnreachable(): void {
    this.#types.length = this.frame.height;
    this.frame.unreachable = true;
  }

  /** Blocks between here and `frame`, 0 for the innermost; -1 when it is not open. */
  distance(frame: unknown): number {
    const index = this.#frames.indexOf(frame as Frame);
    return index < 0 ? -1 : this.#frames.length - 1 - index;
  }
}

/** Operand types a branch to `frame` must supply: none for a loop, whose label is its start. */
export function labelTypes(frame: Frame): readonly ValueType[] {
  return frame.kind === 'loop' ? [] : frame.results;
}
