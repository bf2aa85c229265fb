/**
 * What the walk over the rows of a transfer promises, which commands, loads and stores share: row r of
 * plane p lies at address + p·planeStride + r·stride; rows come in order, all of them, and the last is
 * known as such. Addresses have few bits here: each bit depends only on lower ones.
 *
 * Assumed: a transfer has rows and planes, and the next begins when the last row is left, or later.
 */
import { defineModule, type Signal } from '../../../src/hdl/index.ts';
import { COUNT_BITS, RowWalk } from '../../../src/target/jade/rtl/dma/rowWalk.ts';
import { peek } from '../peek.ts';
import { implies } from './conditions.ts';

const BITS = 6;

const INPUTS = {
  load: 1,
  advance: 1,
  address: BITS,
  stride: BITS,
  planeStride: BITS,
  rows: COUNT_BITS,
  planes: COUNT_BITS,
} as const;

const INSIDE = {
  planeNow: 'walk_plane',
  rowsLeftNow: 'walk_rows_left',
  planesLeftNow: 'walk_planes_left',
  strideNow: 'walk_stride',
  planeStrideNow: 'walk_plane_stride',
  rowsNow: 'walk_rows',
};

/** The walk alone. */
function walker() {
  return defineModule({
    name: 'row_walk',
    inputs: INPUTS,
    outputs: { row: BITS, last: 1 },
    body({ load, advance, ...first }, m) {
      const walk = new RowWalk(m, 'walk', load, first);
      walk.advance(advance);
      return { row: walk.address, last: walk.last };
    },
  });
}

export function rowWalkProof() {
  return defineModule({
    name: 'row_walk_proof',
    inputs: INPUTS,
    outputs: {},
    body(inputs, m) {
      const dut: Readonly<Record<string, Signal>> = m.instance(
        'dut',
        peek(walker(), INSIDE),
        inputs,
      );
      const { load: begin, advance } = inputs;
      const keep = (name: 'address' | 'stride' | 'planeStride' | 'rows' | 'planes'): Signal =>
        m.delay(`${name}Used`, inputs[name], { enable: begin });
      const [address, rows, planes] = [keep('address'), keep('rows'), keep('planes')];
      const [stride, planeStride] = [keep('stride'), keep('planeStride')];
      const [p, r] = [m.register('p', COUNT_BITS), m.register('r', COUNT_BITS)];
      const busy = m.register('busy', 1, { reset: 0 });
      const lastOfPlane = r.add(1).eq(rows).named('lastOfPlane');
      const last = lastOfPlane.and(p.add(1).eq(planes)).named('lastOfAll');
      const leaves = advance.and(last).named('leaves');
      m.assume('hasRows', implies(begin, inputs.rows.reduceOr().and(inputs.planes.reduceOr())));
      m.assume('beginsWhenDone', implies(begin, busy.not().or(leaves)));
      m.assume('advancesAtWork', implies(advance, busy));
      busy.set(begin.or(busy.and(leaves.not())));
      r.set(begin.or(lastOfPlane).mux(0, r.add(1)), begin.or(advance));
      p.set(begin.mux(0, p.add(1)), begin.or(advance.and(lastOfPlane)));

      const times = (a: Signal, b: Signal): Signal => a.low(BITS).mulU(b.low(BITS)).low(BITS);
      const ofPlane = address.add(times(p, planeStride));
      const expected = {
        row: ofPlane.add(times(r, stride)),
        last,
        planeNow: ofPlane,
        rowsLeftNow: rows.sub(r),
        planesLeftNow: planes.sub(p),
        strideNow: stride,
        planeStrideNow: planeStride,
        rowsNow: rows,
      };
      for (const [name, value] of Object.entries(expected)) {
        m.assert(`${name}IsAsDefined`, implies(busy, dut[name]!.eq(value)));
      }
      m.assert('staysInside', implies(busy, r.ltU(rows).and(p.ltU(planes))));
      return {};
    },
  });
}
