/** A bank with the clients that reach it: who of them it serves in a cycle. */
import type { ModuleBuilder, Signal } from '../../../../hdl/index.ts';
import { bank } from './bank.ts';
import type { Client, Region } from './memoryShape.ts';
import type { Parity, Window, Word } from './window.ts';

/** A client that reads, and its window as the banks see it. */
export interface Reader {
  readonly client: Client;
  readonly window: Window;
}

/** A client that writes: its bytes in their places within a word, and which the even and the odd word take. */
export interface Writer extends Reader {
  readonly data: Signal;
  readonly bytes: Readonly<Record<Parity, Signal>>;
}

/** The words that a bank read in the cycle before. */
export type BankData = Readonly<Record<Parity, Signal>>;

/** Where the words of a window are if they are in a region: number of the bank, line within it. */
export type Places = Readonly<Record<Parity, { used: Signal; bank: Signal; line: Signal }>>;

export function placesIn({ window }: Reader, region: Region): Places {
  const bits = Math.log2(region.linesOfBank);
  const place = ({ used, line }: Word): Places[Parity] => {
    const inside = region.firstLine === 0 ? line : line.sub(region.firstLine);
    return { used, bank: inside.high(inside.width - bits), line: inside.low(bits) };
  };
  return { even: place(window.even), odd: place(window.odd) };
}

/** The same of a client that writes. */
export function writerIn(writer: Writer, region: Region): Places & { readonly writer: Writer } {
  return { ...placesIn(writer, region), writer };
}

/** Bank `index` of a region. At most one reader and one writer may ask it in a cycle, which is asserted. */
export function bankInstance(
  m: ModuleBuilder,
  name: string,
  { linesOfBank }: Region,
  index: number,
  readers: readonly Places[],
  writers: readonly (Places & { readonly writer: Writer })[],
): BankData {
  const hits = (places: readonly Places[], parity: Parity): Signal[] =>
    places.map((place) => place[parity].used.and(place[parity].bank.eq(index)));
  const address = (places: readonly Places[], parity: Parity, hit: readonly Signal[]): Signal =>
    chooseHit(
      hit,
      places.map((place) => place[parity].line),
    );
  const [evenRead, oddRead] = [hits(readers, 'even'), hits(readers, 'odd')];
  const [evenWrite, oddWrite] = [hits(writers, 'even'), hits(writers, 'odd')];
  const writing = evenWrite.map((hit, i) => hit.or(oddWrite[i]!));
  assertOneAtMost(
    m,
    `${name}Read`,
    evenRead.map((hit, i) => hit.or(oddRead[i]!)),
  );
  assertOneAtMost(m, `${name}Write`, writing);
  const wordBytes = writers[0]!.writer.data.width / 8;
  const { evenData, oddData } = m.instance(name, bank(linesOfBank, wordBytes), {
    evenRead: anyOf(evenRead),
    evenReadAddress: address(readers, 'even', evenRead),
    oddRead: anyOf(oddRead),
    oddReadAddress: address(readers, 'odd', oddRead),
    evenWrite: anyOf(evenWrite),
    evenWriteAddress: address(writers, 'even', evenWrite),
    oddWrite: anyOf(oddWrite),
    oddWriteAddress: address(writers, 'odd', oddWrite),
    evenBytes: chooseHit(
      writing,
      writers.map(({ writer: { bytes } }) => bytes.even),
    ),
    oddBytes: chooseHit(
      writing,
      writers.map(({ writer: { bytes } }) => bytes.odd),
    ),
    writeData: chooseHit(
      writing,
      writers.map(({ writer: { data } }) => data),
    ),
  });
  return { even: evenData, odd: oddData };
}

function anyOf(bits: readonly Signal[]): Signal {
  return bits.reduce((any, bit) => any.or(bit));
}

/** The value of the one that hits; of the last if none does. */
function chooseHit(hits: readonly Signal[], values: readonly Signal[]): Signal {
  return values.reduceRight((rest, value, i) => hits[i]!.mux(value, rest));
}

function assertOneAtMost(m: ModuleBuilder, name: string, hits: readonly Signal[]): void {
  if (hits.length < 2) return;
  const pairs = hits.flatMap((a, i) => hits.slice(i + 1).map((b) => a.and(b)));
  m.assert(`${name}OneClient`, anyOf(pairs).not());
}
