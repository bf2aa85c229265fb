/** The rows of a transfer: addresses of three dimensions, one step a row. */
import type { ModuleBuilder, Register, Signal } from '../../../../hdl/index.ts';

/** Bits of the counts of rows and planes. */
export const COUNT_BITS = 32;

export interface Rows {
  readonly address: Signal;
  readonly stride: Signal;
  readonly planeStride: Signal;
  readonly rows: Signal;
  readonly planes: Signal;
}

/** Takes new rows where `load` is 1; they must not be none. `advance` goes to the next row. */
export class RowWalk {
  /** Address of the row at hand; and whether it is the last of all. */
  readonly address: Register;
  readonly last: Signal;
  private readonly load: Signal;
  private readonly first: Rows;
  private readonly plane: Register;
  private readonly rowsLeft: Register;
  private readonly planesLeft: Register;
  private readonly kept: {
    readonly stride: Register;
    readonly planeStride: Register;
    readonly rows: Register;
  };

  constructor(m: ModuleBuilder, name: string, load: Signal, first: Rows) {
    const { width } = first.address;
    this.load = load;
    this.first = first;
    this.address = m.register(`${name}Row`, width, { comment: 'address of the row' });
    this.plane = m.register(`${name}Plane`, width, { comment: 'address of its plane' });
    this.rowsLeft = m.register(`${name}RowsLeft`, COUNT_BITS);
    this.planesLeft = m.register(`${name}PlanesLeft`, COUNT_BITS);
    const keep = (what: string, value: Signal): Register =>
      m.delay(`${name}${what}`, value, { enable: load });
    this.kept = {
      stride: keep('Stride', first.stride),
      planeStride: keep('PlaneStride', first.planeStride),
      rows: keep('Rows', first.rows),
    };
    this.last = this.rowsLeft.eq(1).and(this.planesLeft.eq(1)).named(`${name}Last`);
  }

  advance(step: Signal): void {
    const { load, first, kept } = this;
    const wrap = this.rowsLeft.eq(1);
    const nextPlane = this.plane.add(kept.planeStride);
    const change = load.or(step);
    const next = wrap.mux(nextPlane, this.address.add(kept.stride));
    this.address.set(load.mux(first.address, next), change);
    this.plane.set(load.mux(first.address, nextPlane), load.or(step.and(wrap)));
    const rowsLeft = wrap.mux(kept.rows, this.rowsLeft.sub(1));
    this.rowsLeft.set(load.mux(first.rows, rowsLeft), change);
    this.planesLeft.set(load.mux(first.planes, this.planesLeft.sub(1)), load.or(step.and(wrap)));
  }
}
