/**
 * Memories on AXI4, for runs of the top: they take bursts and give answers at times drawn at random, in
 * order. Throws at a burst that the standard forbids.
 */
import type { Random } from '../../../../base/index.ts';

type Ports = Readonly<Record<string, bigint>>;
type Inputs = Record<string, number | bigint>;

const BOUNDARY_BYTES = 4096;

/** One memory with a read and a write channel; `prefix` is that of its ports, as `mAxi`. */
export class AxiMemory {
  private readonly bytes: Uint8Array;
  private readonly busBytes: number;
  private readonly prefix: string;
  private readonly random: Random;
  private readonly reads: number[] = [];
  private readonly writes: { readonly address: number; readonly last: boolean }[] = [];
  private readonly data: {
    readonly data: bigint;
    readonly strobes: bigint;
    readonly last: boolean;
  }[] = [];
  private answers = 0;
  private given: Inputs = {};

  constructor(bytes: Uint8Array, busBytes: number, prefix: string, random: Random) {
    this.bytes = bytes;
    this.busBytes = busBytes;
    this.prefix = prefix;
    this.random = random;
  }

  /** What the memory gives in a cycle. */
  inputs(): Inputs {
    const { random, reads } = this;
    const gives = reads.length > 0 && random.int(3) > 0;
    const ready = { arready: random.int(2), awready: random.int(2), wready: random.int(2) };
    const bvalid = Number(this.answers > 0 && random.int(3) === 0);
    const rdata = gives ? this.word(reads[0]!) : 0n;
    this.given = { ...ready, rvalid: Number(gives), rdata, bvalid };
    return this.given;
  }

  /** What the chip gives in the same cycle. */
  outputs(ports: Ports): void {
    const out = (name: string): bigint => ports[`${this.prefix}${name}`] ?? 0n;
    const { given } = this;
    if (given['rvalid'] === 1 && out('Rready') === 1n) this.reads.shift();
    if (given['bvalid'] === 1 && out('Bready') === 1n) this.answers--;
    if (given['arready'] === 1 && out('Arvalid') === 1n)
      this.reads.push(...this.burst(out('Araddr'), out('Arlen')));
    if (given['awready'] === 1 && out('Awvalid') === 1n) {
      const addresses = this.burst(out('Awaddr'), out('Awlen'));
      const last = addresses.length - 1;
      this.writes.push(...addresses.map((address, i) => ({ address, last: i === last })));
    }
    if (given['wready'] === 1 && out('Wvalid') === 1n)
      this.data.push({ data: out('Wdata'), strobes: out('Wstrb'), last: out('Wlast') === 1n });
    while (this.writes.length > 0 && this.data.length > 0) this.write();
  }

  private word(address: number): bigint {
    const word = this.bytes.slice(address, address + this.busBytes);
    return word.reduceRight((all, byte) => (all << 8n) | BigInt(byte), 0n);
  }

  private burst(address: bigint, length: bigint): number[] {
    const [first, beats] = [Number(address), Number(length) + 1];
    const last = first + beats * this.busBytes - 1;
    const within = Math.floor(first / BOUNDARY_BYTES) === Math.floor(last / BOUNDARY_BYTES);
    if (first % this.busBytes !== 0 || !within)
      throw new Error(`a burst must be aligned and within 4 KiB, not ${beats} beats at ${first}`);
    return Array.from({ length: beats }, (_, i) => first + i * this.busBytes);
  }

  private write(): void {
    const [{ address, last }, beat] = [this.writes.shift()!, this.data.shift()!];
    if (beat.last !== last) throw new Error(`the last beat of a burst must say so, at ${address}`);
    for (let i = 0; i < this.busBytes; i++) {
      const written = (beat.strobes >> BigInt(i)) & 1n;
      if (written) this.bytes[address + i] = Number((beat.data >> BigInt(8 * i)) & 0xffn);
    }
    if (last) this.answers++;
  }
}
