/**
 * Runs the microcode on values, one item of work after another: the proof that the programs compute what
 * docs/numerics.md says, and what the unit in silicon is held to.
 *
 * All items of a batch are in the same slot, so one item alone shows the distance between a store and a
 * load; a load whose value would depend on the length of the pipeline is an error.
 */
import { bf16ToF32, CeladonError } from '../../../base/index.ts';
import { quantizeGroup } from '../arith/mx.ts';
import { FORMAT_CODES, MX_FORMATS, type Fields } from '../isa.table.ts';
import { bitsOf, constantBits, formed, laneOperation, scaleBits } from './laneOperations.ts';
import {
  FIELD_CONSTANTS,
  REGISTERS,
  type ConstantName,
  type Load,
  type LoopKind,
  type MicroOp,
  type Operand,
  type Piece,
  type Program,
  type Store,
} from './microOps.ts';
import { holds, timesOf } from './program.ts';

/** Where an item finds its operands: byte addresses, and how many of its columns there are and count. */
export interface ItemPlace {
  readonly a: number;
  readonly b: number;
  readonly d: number;
  readonly gate: number;
  readonly columns: number;
  readonly visible: number;
}

/** Slots after which a store is seen, and the last in which it certainly is not. */
const SEEN_AFTER = 4;
const UNSEEN_UNTIL = 1;

interface PendingStore {
  readonly slot: number;
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** Runs `program` for one item on the bytes of the chip. Fields are as encoded, f32 ones as numbers. */
export function interpretItem(
  program: Program,
  fields: Fields,
  lanes: number,
  local: Uint8Array,
  place: ItemPlace,
): void {
  new ItemRun(program, fields, lanes, local, place).run();
}

class ItemRun {
  readonly #program: Program;
  readonly #fields: Fields;
  readonly #lanes: number;
  readonly #local: Uint8Array;
  readonly #place: ItemPlace;
  readonly #format: number;
  #acc: Uint32Array;
  #flags: readonly boolean[];
  readonly #registers: Uint32Array[];
  readonly #savedIn = new Array<number>(REGISTERS).fill(-Infinity);
  #pending: PendingStore[] = [];
  #slot = 0;
  /** First column of the window, and the step of the outer loop. */
  #column = 0;
  #step = 0;
  /** Largest magnitude that was measured. */
  #measured = new Float32Array(0);

  constructor(
    program: Program,
    fields: Fields,
    lanes: number,
    local: Uint8Array,
    place: ItemPlace,
  ) {
    this.#program = program;
    this.#fields = fields;
    this.#lanes = lanes;
    this.#local = local;
    this.#place = place;
    this.#format = fields['dFormat'] ?? FORMAT_CODES.f32;
    this.#acc = new Uint32Array(lanes);
    this.#flags = new Array<boolean>(lanes).fill(false);
    this.#registers = Array.from({ length: REGISTERS }, () => new Uint32Array(lanes));
  }

  run(): void {
    this.#runPieces(this.#program.body);
    this.#settle(Infinity);
  }

  #runPieces(pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      if ('loop' in piece) this.#runLoop(piece.loop, piece.body);
      else if (!('when' in piece)) this.#runSlot(piece);
      else if (holds(piece.when, this.#fields) === piece.is) this.#runPieces(piece.body);
    }
  }

  #runLoop(kind: LoopKind, body: readonly Piece[]): void {
    const times = timesOf(kind, this.#program, this.#fields, this.#lanes);
    for (let i = 0; i < times; i++) {
      if (kind === 'windows') this.#column = i * this.#lanes;
      else if (kind !== 'fold') this.#step = i;
      this.#runPieces(body);
    }
    if (kind === 'windows') this.#column = 0;
    else if (kind !== 'fold') this.#step = 0;
  }

  #runSlot(op: MicroOp): void {
    this.#settle(this.#slot - SEEN_AFTER);
    const [a, b] = [this.#operand(op.a), this.#operand(op.b)];
    const results = Array.from({ length: this.#lanes }, (_, lane) => {
      const masked = op.mask !== undefined && !this.#takesPart(op, lane);
      const [x, y] = formed(a[lane]!, b[lane]!, op.b.form);
      return laneOperation(op.operation, { a: x, b: y, flag: this.#flags[lane]!, masked });
    });
    this.#acc = Uint32Array.from(results, ({ bits }) => bits);
    this.#flags = results.map(({ flag }) => flag);
    if (op.save !== undefined) {
      this.#registers[op.save] = this.#acc;
      this.#savedIn[op.save] = this.#slot;
    }
    if (op.store !== undefined) this.#store(op.store);
    this.#slot += 1;
  }

  #takesPart({ mask }: MicroOp, lane: number): boolean {
    const column = this.#column + lane;
    const width = this.#fields['columns']! / (this.#fields['groups'] ?? 1);
    switch (mask) {
      case 'group':
        return Math.floor(column / width) === this.#step;
      case 'lane':
        return lane === this.#step;
      default:
        return column < this.#place.visible;
    }
  }

  // ---- operands

  #operand(operand: Operand): Uint32Array {
    const bits = this.#source(operand);
    const { negate } = operand;
    if (negate === undefined) return bits;
    return bits.map((x, lane) => (negate === 'all' || lane % 2 === 0 ? x ^ 0x80000000 : x));
  }

  #source({ from, register, load, constant }: Operand): Uint32Array {
    const acc = this.#acc;
    switch (from) {
      case 'acc':
        return acc;
      case 'register':
        return this.#readRegister(register!);
      case 'memory':
        return this.#load(load!);
      case 'constant':
        return this.#fill(this.#constant(constant!));
      case 'index':
        return acc.map((_, lane) => this.#column + lane);
      case 'foldLow':
        return acc.map((_, lane) => acc[lane >> 1]!);
      case 'foldHigh':
        return acc.map((_, lane) => acc[(lane >> 1) + this.#lanes / 2]!);
      case 'swap':
        return acc.map((_, lane) => acc[lane ^ 1]!);
    }
  }

  #readRegister(register: number): Uint32Array {
    if (this.#savedIn[register] === this.#slot - 1) {
      throw new CeladonError(
        `a register must be read from the second slot after it was saved, not register ${register} in the next`,
        { where: `slot ${this.#slot}` },
      );
    }
    return this.#registers[register]!;
  }

  #constant(name: ConstantName): number {
    if (name === 'base') return this.#fields['base']!;
    const isField = (FIELD_CONSTANTS as readonly string[]).includes(name);
    return isField ? bitsOf(this.#fields[name]!) : constantBits(name);
  }

  #fill(bits: number): Uint32Array {
    return new Uint32Array(this.#lanes).fill(bits);
  }

  // ---- memory

  #load(load: Load): Uint32Array {
    const { a, b, d, gate } = this.#place;
    const half = this.#fields['columns']! * 2;
    switch (load) {
      case 'a':
        return this.#fields['aFormat'] === FORMAT_CODES.bf16 ? this.#halves(a) : this.#window(a);
      case 'aHalf':
        return this.#window(a + half);
      case 'b':
      case 'pairs':
        return this.#window(b);
      case 'bHalf':
      case 'pairsHalf':
        return this.#window(b + half);
      case 'bytes':
        return Uint32Array.from(this.#read(b + this.#column, this.#lanes), scaleBits);
      case 'gate':
        return this.#word(gate);
      case 'd':
        return this.#window(d);
      case 'dWord0':
        return this.#word(d);
      case 'dWord1':
        return this.#word(d + 4);
      case 'dStep':
        return this.#word(d + 4 * this.#step);
      case 'aTerm':
        return this.#window(a + this.#step * this.#fields['aInner']!);
      case 'bTerm':
        return this.#word(b + this.#step * this.#fields['bInner']!);
    }
  }

  #window(row: number): Uint32Array {
    return new Uint32Array(this.#read(row + 4 * this.#column, 4 * this.#lanes).buffer);
  }

  #word(address: number): Uint32Array {
    return this.#fill(new Uint32Array(this.#read(address, 4).buffer)[0]!);
  }

  #halves(row: number): Uint32Array {
    const bytes = this.#read(row + 2 * this.#column, 2 * this.#lanes);
    return new Uint32Array(bf16ToF32(new Uint16Array(bytes.buffer)).buffer);
  }

  #read(address: number, count: number): Uint8Array<ArrayBuffer> {
    for (const { slot, address: from, bytes } of this.#pending) {
      const overlaps = from < address + count && address < from + bytes.length;
      if (!overlaps || this.#slot - slot <= UNSEEN_UNTIL) continue;
      throw new CeladonError(
        `a store must be loaded from the ${SEEN_AFTER}th slot after it, not after ${this.#slot - slot}`,
        { where: `slot ${this.#slot}` },
      );
    }
    const window = new Uint8Array(count);
    window.set(this.#local.subarray(address, address + count));
    return window;
  }

  #store(store: Store): void {
    const { d, columns } = this.#place;
    if (store === 'measure') return this.#measure();
    if (store === 'word0') return this.#write(d, this.#acc.slice(0, 1));
    if (store === 'word1') return this.#write(d + 4, this.#acc.slice(0, 1));
    const count = Math.min(columns - this.#column, this.#lanes);
    const values = this.#acc.slice(0, count);
    const first = this.#column + (store === 'dHalf' ? this.#fields['columns']! / 2 : 0);
    if (this.#format === FORMAT_CODES.f32) return this.#write(d + 4 * first, values);
    this.#writeBlocks(d + (first / 32) * 33, new Float32Array(values.buffer), store === 'wide');
  }

  #measure(): void {
    if (this.#column === 0) this.#measured = new Float32Array(0);
    const values = this.#acc.slice(0, this.#place.columns - this.#column);
    this.#measured = Float32Array.of(...this.#measured, ...new Float32Array(values.buffer));
  }

  #writeBlocks(address: number, values: Float32Array, wide: boolean): void {
    const format = MX_FORMATS.get(this.#format)!;
    const group = wide ? this.#measured.length : this.#fields['group']!;
    const codes = new Uint8Array(group);
    const bytes = new Uint8Array((values.length / 32) * 33);
    for (let i = 0; i < values.length; i += Math.min(group, values.length)) {
      const source = wide ? this.#measured : values;
      const scale = quantizeGroup(source, wide ? 0 : i, group, format, codes, 0);
      const first = wide ? this.#column : 0;
      const count = Math.min(group, values.length);
      for (let j = 0; j < count; j += 32) {
        const at = ((i + j) / 32) * 33;
        bytes[at] = scale;
        bytes.set(codes.subarray(first + j, first + j + 32), at + 1);
      }
    }
    this.#write(address, bytes);
  }

  #write(address: number, values: Uint8Array | Uint32Array<ArrayBuffer>): void {
    const bytes = values instanceof Uint8Array ? values : new Uint8Array(values.buffer);
    this.#pending.push({ slot: this.#slot, address, bytes });
  }

  /** Makes the stores up to a slot visible. */
  #settle(slot: number): void {
    for (const store of this.#pending) {
      if (store.slot <= slot) this.#local.set(store.bytes, store.address);
    }
    this.#pending = this.#pending.filter((store) => store.slot > slot);
  }
}
