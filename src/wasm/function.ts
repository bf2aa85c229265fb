/**
 * Builds the body of one function, checking operand types as instructions are emitted.
 *
 * ```ts
 * module.addFunction('sum', { params: { p: 'i32', end: 'i32' }, results: ['f32'] }, (f, { p, end }) => {
 *   const total = f.local('f32', 'total');
 *   f.forLoop(p, p, end, 4, () => f.get(total).get(p).emit('f32.load').emit('f32.add').set(total));
 *   f.get(total);
 * });
 * ```
 *
 * A misuse throws where it is written: `function sum: f32.add must have f32 f32, not f32 i32`.
 *
 * In the binary a body is its size, the locals as runs of (count, type), the code, and `end` (0x0b).
 */
import { CeladonError } from '../base/index.ts';
import { CONTEXTUAL_RULES, type Site } from './contextualOps.ts';
import { appendImmediates, type ImmediateKind, type Immediates } from './immediates.ts';
import { appendUnsigned } from './leb128.ts';
import { OPCODES, type ImmediateOf, type Instruction, type OpName } from './opcodes.table.ts';
import { OperandStack, type Frame } from './operandStack.ts';
import { VALUE_TYPE_CODES, type FunctionRef, type FunctionType } from './types.ts';
import type { Local, ValueType } from './types.ts';

/** Builds one function; made by `ModuleBuilder.addFunction`. */
export class FunctionBuilder {
  readonly name: string;
  readonly type: FunctionType;
  readonly #locals: Local[] = [];
  readonly #code: number[] = [];
  readonly #memories: ReadonlyMap<string, number>;
  readonly #site: Site;
  #op: OpName | 'end of function' = 'nop';

  /** `memories` are those of the module by name. */
  constructor(
    name: string,
    params: Readonly<Record<string, ValueType>>,
    results: ValueType[],
    memories: ReadonlyMap<string, number> = new Map(),
  ) {
    this.name = name;
    this.#memories = memories;
    this.type = { params: Object.values(params), results };
    const fail = this.#fail.bind(this);
    this.#site = {
      stack: new OperandStack(fail),
      results,
      fail,
      findLocal: (local) => this.#findLocal(local),
      findFrame: (label) => this.#findFrame(label),
    };
    this.#site.stack.open('function', results);
    for (const [param, type] of Object.entries(params)) this.local(type, param);
  }

  /** The parameters by name. */
  get params(): Readonly<Record<string, Local>> {
    const params = this.#locals.slice(0, this.type.params.length);
    return Object.fromEntries(params.map((local) => [local.name, local]));
  }

  /** Declare a local, zero at entry. Throws if the name is taken in this function. */
  local(type: ValueType, name = `local${this.#locals.length}`): Local {
    if (this.#locals.some((other) => other.name === name)) {
      throw new CeladonError(`function ${this.name}: a local's name must be new, not ${name}`);
    }
    const local = { index: this.#locals.length, name, type };
    this.#locals.push(local);
    return local;
  }

  /** Append an instruction; immediates as in `Immediates`. Throws on an operand or type mismatch. */
  emit<O extends OpName>(op: O, ...immediates: Immediates[ImmediateOf<O>]): this {
    const [opcode, signature, kind = 'none', unit = 0]: Instruction = OPCODES[op];
    this.#op = op;
    if (signature === '*') {
      const rule = CONTEXTUAL_RULES[op as keyof typeof CONTEXTUAL_RULES];
      (rule as (site: Site, ...immediates: unknown[]) => void)(this.#site, ...immediates);
    } else {
      const [params, results] = parseSignature(signature);
      this.#site.stack.pop(...params);
      this.#site.stack.push(...results);
    }
    appendOpcode(this.#code, opcode);
    this.#append(kind, this.#resolve(kind, immediates), unit);
    return this;
  }

  /** Push a local. */
  get(local: Local | string): this {
    return this.emit('local.get', local);
  }

  /** Pop into a local. */
  set(local: Local | string): this {
    return this.emit('local.set', local);
  }

  /** Copy the top of the stack into a local. */
  tee(local: Local | string): this {
    return this.emit('local.tee', local);
  }

  /** A block that leaves `result`, if given; a branch to its label goes to its end. */
  block(body: (label: Frame) => void, result?: ValueType): this {
    return this.#structured('block', body, result);
  }

  /** A loop that leaves `result`, if given; a branch to its label goes to its start. */
  loop(body: (label: Frame) => void, result?: ValueType): this {
    return this.#structured('loop', body, result);
  }

  /** Pop an i32 and run one of two bodies; both leave `result`, if given. */
  if(then: (label: Frame) => void, otherwise?: (label: Frame) => void, result?: ValueType): this {
    this.#open('if', result);
    then(this.#site.stack.frame);
    if (otherwise) {
      this.emit('else');
      otherwise(this.#site.stack.frame);
    }
    return this.emit('end');
  }

  /** Add `step` to an i32 local. */
  advance(local: Local, step: number | Local): this {
    return this.get(local).i32(step).emit('i32.add').set(local);
  }

  /** Push an i32: a constant or a local. */
  i32(value: number | Local): this {
    return typeof value === 'number' ? this.emit('i32.const', value) : this.get(value);
  }

  /**
   * Run `body` for local = start, start + step, ... while local < end, compared unsigned.
   *
   * `end` and a `step` in a local are read again after each round. `end + step` must stay below 2^32.
   */
  forLoop(
    local: Local,
    start: number | Local,
    end: number | Local,
    step: number | Local,
    body: () => void,
  ): this {
    const more = (): this => this.get(local).i32(end).emit('i32.lt_u');
    if (start !== local) this.i32(start).set(local);
    more().if(() => {
      this.loop((next) => {
        body();
        this.advance(local, step);
        more().emit('br_if', next);
      });
    });
    return this;
  }

  /** Bytes of the function's entry in the code section. Throws unless the declared results are left. */
  finish(): number[] {
    this.#op = 'end of function';
    const { stack } = this.#site;
    if (stack.depth !== 1) this.#fail('every block closed', `${stack.frame.kind} open`);
    stack.close();
    const declared = this.#locals.slice(this.type.params.length);
    const body: number[] = [];
    appendUnsigned(body, declared.length);
    for (const { type } of declared) body.push(1, VALUE_TYPE_CODES[type]);
    const entry: number[] = [];
    appendUnsigned(entry, body.length + this.#code.length + 1);
    return entry.concat(body, this.#code, 0x0b);
  }

  #structured(op: 'block' | 'loop', body: (label: Frame) => void, result?: ValueType): this {
    this.#open(op, result);
    body(this.#site.stack.frame);
    return this.emit('end');
  }

  #open(op: 'block' | 'loop' | 'if', result: ValueType | undefined): void {
    if (result) this.emit(op, result);
    else this.emit(op);
  }

  #resolve(kind: ImmediateKind, immediates: readonly unknown[]): readonly unknown[] {
    switch (kind) {
      case 'local':
        return [this.#findLocal(immediates[0] as Local | string).index];
      case 'label':
        return [this.#distance(immediates[0] as Frame)];
      case 'labels': {
        const [labels, otherwise] = immediates as Immediates['labels'];
        return [labels.map((label) => this.#distance(label)), this.#distance(otherwise)];
      }
      case 'function':
        return [(immediates[0] as FunctionRef).index];
      case 'memory':
        return [immediates[0], this.#findMemory(immediates[1] as string | undefined)];
      default:
        return immediates;
    }
  }

  #append(kind: ImmediateKind, resolved: readonly unknown[], unit: number): void {
    try {
      appendImmediates(this.#code, kind, resolved as never, unit);
    } catch (error) {
      if (!(error instanceof CeladonError)) throw error;
      throw new CeladonError(`function ${this.name}: ${this.#op}: ${error.message}`);
    }
  }

  #findLocal(local: Local | string): Local {
    const found =
      typeof local === 'string'
        ? this.#locals.find(({ name }) => name === local)
        : this.#locals[local.index];
    if (typeof local !== 'string' && found !== local) this.#fail('its own local', local.name);
    return found ?? this.#fail(`one of ${this.#locals.map(({ name }) => name)}`, String(local));
  }

  #findMemory(name: string | undefined): number {
    if (name === undefined) return 0;
    const index = this.#memories.get(name);
    return index ?? this.#fail(`a memory of ${[...this.#memories.keys()].join()}`, name);
  }

  /** Blocks between here and the one that a label names. */
  #distance(label: Frame): number {
    return this.#site.stack.distance(this.#findFrame(label));
  }

  #findFrame(label: Frame): Frame {
    if (this.#site.stack.distance(label) < 0)
      this.#fail('the label of an open block', 'a closed one');
    return label;
  }

  #fail(required: string, found: string): never {
    throw new CeladonError(
      `function ${this.name}: ${this.#op} must have ${required}, not ${found}`,
    );
  }
}

const parsedSignatures = new Map<string, [params: ValueType[], results: ValueType[]]>();

function parseSignature(signature: string): [params: ValueType[], results: ValueType[]] {
  const known = parsedSignatures.get(signature);
  if (known) return known;
  const [params = [], results = []] = signature
    .split('->')
    .map((side) => side.split(' ').filter(Boolean) as ValueType[]);
  parsedSignatures.set(signature, [params, results]);
  return [params, results];
}

function appendOpcode(out: number[], opcode: number): void {
  if (opcode <= 0xff) {
    out.push(opcode);
    return;
  }
  const bits = opcode > 0xffff ? 12 : 8;
  out.push(opcode >> bits);
  appendUnsigned(out, opcode & (2 ** bits - 1));
}
