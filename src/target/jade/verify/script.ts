/**
 * The script that the test bench of the RTL plays: what the host writes, the programs, and what the
 * simulator says each instruction does. Little-endian 32-bit words; a long word is low, then high.
 *
 *   1 size(long)                                      the memory, all zero
 *   2 address(long) count(long) bytes                 the host writes memory
 *   3 index value                                     a position register
 *   4 id count words                                  a program, 24 words an instruction
 *   5 id cycles fault {queue start end digest writes {address(long) bytes}}   a run, by instruction
 *   6 address(long) count(long) digest                the host reads memory
 *
 * Bit 63 of a write's address says that it is in the memory, not on the chip. Digests: see digest.ts.
 */
import type { Written } from './writes.ts';

/** What an instruction did: cycles of its start and its completion, and what it wrote. */
export interface InstructionTrace {
  readonly queue: number;
  readonly start: number;
  readonly end: number;
  readonly digest: number;
  readonly writes: readonly Written[];
}

const IN_MEMORY = 2 ** 31;
/** Bytes of a part; what is longer is a part of its own. */
const PART_BYTES = 2 ** 20;

/** Collects records; the parts, one behind the other, are the script so far. */
export class ScriptWriter {
  private readonly full: Uint8Array[] = [];
  private part = new Uint8Array(PART_BYTES);
  private length = 0;

  get parts(): readonly Uint8Array[] {
    return [...this.full, this.part.subarray(0, this.length)];
  }

  memorySize(sizeBytes: number): void {
    this.word(1);
    this.long(sizeBytes);
  }

  writeMemory(address: number, bytes: Uint8Array): void {
    this.block(2, address, bytes);
  }

  position(index: number, value: number): void {
    [3, index, value].forEach((word) => this.word(word));
  }

  /** `code`: as `encode` gives it. */
  program(id: number, code: Uint8Array, instructions: number): void {
    [4, id, instructions].forEach((word) => this.word(word));
    this.append(code);
  }

  /** `traces` in program order. */
  run(id: number, cycles: number, fault: boolean, traces: readonly InstructionTrace[]): void {
    [5, id, cycles, Number(fault)].forEach((word) => this.word(word));
    for (const { queue, start, end, digest, writes } of traces) {
      [queue, start, end, digest, writes.length].forEach((word) => this.word(word));
      for (const { space, address, bytes } of writes) {
        this.word(address);
        this.word(Math.floor(address / 2 ** 32) + (space === 'memory' ? IN_MEMORY : 0));
        this.word(bytes);
      }
    }
  }

  checkMemory(address: number, count: number, digest: number): void {
    this.word(6);
    this.long(address);
    this.long(count);
    this.word(digest);
  }

  private block(kind: number, address: number, bytes: Uint8Array): void {
    this.word(kind);
    this.long(address);
    this.long(bytes.length);
    this.append(bytes);
  }

  private long(value: number): void {
    this.word(value);
    this.word(Math.floor(value / 2 ** 32));
  }

  private word(value: number): void {
    const at = this.reserve(4);
    new DataView(this.part.buffer).setUint32(at, value, true);
  }

  private append(bytes: Uint8Array): void {
    if (bytes.length > PART_BYTES) {
      this.finishPart();
      this.full.push(bytes.slice());
    } else this.part.set(bytes, this.reserve(bytes.length));
  }

  private reserve(count: number): number {
    if (this.length + count > PART_BYTES) this.finishPart();
    const at = this.length;
    this.length += count;
    return at;
  }

  private finishPart(): void {
    this.full.push(this.part.subarray(0, this.length));
    this.part = new Uint8Array(PART_BYTES);
    this.length = 0;
  }
}
