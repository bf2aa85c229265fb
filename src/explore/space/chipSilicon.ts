/**
 * Area, clock and energy of very many chips. A core is the sum of its pieces (`SiliconPieces` of the
 * target), each priced once on each node; a chip is its cores. The result is that of
 * `areaOf(siliconBill(chip), node)`, some thousand times as fast.
 */
import type { Chip, Silicon } from '../../chip/index.ts';
import { areaOf, type BillPart } from '../../cost/index.ts';

/** Silicon of a chip, all cores; before layout, like the table of units. */
export interface ChipSilicon {
  readonly silicon: Silicon;
  /** Placed. */
  readonly areaMm2: number;
  /** Memory macros of it, without the space around them. */
  readonly memoryMm2: number;
  /** Of a cycle in which all units of a part work, by the part's name in the bill. */
  readonly busyPj: Readonly<Record<string, number>>;
  readonly leakageWatts: number;
  /** Of the slowest unit, before wires. */
  readonly fmaxHz: number;
}

/** A part of a core in pieces. */
type PartPieces = readonly { readonly bill: BillPart; readonly count: number }[];

/** Who has the parts of a core; equal parts are the same object. */
export interface PieceSource {
  of(chip: Chip): readonly PartPieces[];
}

interface Price {
  readonly part: string;
  readonly areaMm2: number;
  readonly memoryMm2: number;
  readonly busyPj: number;
  readonly leakageMw: number;
  readonly fmaxHz: number;
}

/** Prices chips on one node. */
export class ChipPrices {
  readonly silicon: Silicon;
  private readonly pieces: PieceSource;
  private readonly partPrices = new Map<PartPieces, Price>();
  private readonly prices = new Map<BillPart, Price>();

  constructor(pieces: PieceSource, silicon: Silicon) {
    this.pieces = pieces;
    this.silicon = silicon;
  }

  of(chip: Chip): ChipSilicon {
    const { cores } = chip;
    const parts = this.pieces.of(chip).map((pieces) => this.priceOfPart(pieces));
    const busyPj: Record<string, number> = {};
    let [areaMm2, memoryMm2, leakageMw, fmaxHz] = [0, 0, 0, Infinity];
    for (const price of parts) {
      areaMm2 += cores * price.areaMm2;
      memoryMm2 += cores * price.memoryMm2;
      leakageMw += cores * price.leakageMw;
      fmaxHz = Math.min(fmaxHz, price.fmaxHz);
      busyPj[price.part] = (busyPj[price.part] ?? 0) + cores * price.busyPj;
    }
    const { silicon } = this;
    return { silicon, areaMm2, memoryMm2, busyPj, leakageWatts: leakageMw / 1000, fmaxHz };
  }

  private priceOfPart(pieces: PartPieces): Price {
    return this.partPrices.getOrInsertComputed(pieces, () => {
      const prices = pieces.map(({ bill, count }) => ({ count, price: this.priceOf(bill) }));
      const sum = (of: (price: Price) => number): number =>
        prices.reduce((total, { count, price }) => total + count * of(price), 0);
      return {
        part: pieces[0]!.bill.part,
        areaMm2: sum(({ areaMm2 }) => areaMm2),
        memoryMm2: sum(({ memoryMm2 }) => memoryMm2),
        busyPj: sum(({ busyPj }) => busyPj),
        leakageMw: sum(({ leakageMw }) => leakageMw),
        fmaxHz: Math.min(...prices.map(({ price }) => price.fmaxHz)),
      };
    });
  }

  private priceOf(bill: BillPart): Price {
    return this.prices.getOrInsertComputed(bill, () => {
      const whole = { chip: bill.part, clockHz: 1, macsPerCycle: 1, parts: [bill], notCounted: [] };
      const { parts, fmaxHz } = areaOf(whole, this.silicon);
      const { part, placedMm2: areaMm2, memoryMm2, busyPj, leakageMw } = parts[0]!;
      return { part, areaMm2, memoryMm2, busyPj, leakageMw, fmaxHz };
    });
  }
}
