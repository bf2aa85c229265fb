import type { Chip } from '../../../../chip/index.ts';
import { defineModule, type Module, type Signal, type Wire } from '../../../../hdl/index.ts';
import { dmaShape, portOf, prefixed, type DmaShape } from './dmaShape.ts';
import { COUNT_BITS, RowWalk } from './rowWalk.ts';

/** Indices of a gather asked for ahead: more than the seven cycles from request to command. */
export const INDICES_AHEAD = 8;

/** The rows of a transfer in memory. */
export function memoryRows({ memoryBits, rowBits }: DmaShape): {
  memory: number;
  rowBytes: number;
  rows: number;
  memoryStride: number;
  planes: number;
  memoryPlaneStride: number;
} {
  return {
    memory: memoryBits,
    rowBytes: rowBits,
    rows: COUNT_BITS,
    memoryStride: memoryBits,
    planes: COUNT_BITS,
    memoryPlaneStride: memoryBits,
  };
}

/** Signals that both queues and the generator share before the generator exists. */
export interface GeneratorWires {
  readonly popLoad: Wire;
  readonly popStore: Wire;
  readonly popGather: Wire;
  readonly indexValid: Wire;
  readonly indexAddress: Wire;
  readonly listDone: Wire;
  readonly storeIssued: Wire;
  readonly commandValid: Wire;
  readonly commandWrite: Wire;
}

function generatorPorts(shape: DmaShape): {
  inputs: Record<string, number>;
  outputs: Record<string, number>;
} {
  const rows = memoryRows(shape);
  const inputs = {
    loadValid: 1,
    loadEmpty: 1,
    loadGather: 1,
    loadList: shape.localBits,
    ...prefixed('load', rows),
    storeValid: 1,
    storeEmpty: 1,
    ...prefixed('store', rows),
    gatherValid: 1,
    gatherAddress: shape.memoryBits,
    commandReady: 1,
  };
  const outputs = {
    popLoad: 1,
    popStore: 1,
    popGather: 1,
    commandValid: 1,
    commandWrite: 1,
    commandAddress: shape.memoryBits,
    commandBytes: shape.rowBits,
    storeIssued: 1,
    indexValid: 1,
    indexAddress: shape.localBits,
    listDone: 1,
  };
  return { inputs, outputs };
}

/**
 * Commands the rows of transfers from the memory, one a cycle, from the cycle after `popLoad` or
 * `popStore` on. At most one of `loadValid` and `storeValid` may be 1: whose turn it is. An empty transfer
 * takes a cycle and commands nothing. For a gather it asks for the indices of the list, and commands the
 * addresses that come back; `listDone` says that no more will be asked for.
 */
export function commandGenerator(chip: Chip): Module {
  const shape = dmaShape(chip);
  return defineModule({
    name: 'command_generator',
    comment: 'Commands the rows of loads and stores from the memory, one a cycle.',
    ...generatorPorts(shape),
    body(ports: Readonly<Record<string, Signal>>, m) {
      const of = (name: string): Signal => ports[name]!;
      const active = m.register('active', 1, { reset: 0 });
      const finish = m.wire('finish', 1);
      const idle = active.not().or(finish).named('idle');
      const [popLoad, popStore] = [idle.and(of('loadValid')), idle.and(of('storeValid'))];
      const pop = popLoad.or(popStore);
      const isStore = of('storeValid');
      const pick = (name: string): Signal =>
        isStore.mux(of(portOf('store', name)), of(portOf('load', name)));
      const empty = isStore.mux(of('storeEmpty'), of('loadEmpty'));
      const begin = pop.and(empty.not()).named('begin');
      const write = m.delay('write', isStore, { enable: begin });
      const isGather = popLoad.and(of('loadGather'));
      const gather = m.delay('gather', isGather, { enable: begin });
      const bytes = m.delay('bytes', pick('rowBytes'), { enable: begin });
      const walk = new RowWalk(m, 'memory', begin, {
        address: pick('memory'),
        stride: pick('memoryStride'),
        planeStride: pick('memoryPlaneStride'),
        rows: pick('rows'),
        planes: pick('planes'),
      });
      const commandValid = active.and(gather.not().or(of('gatherValid'))).named('commands');
      const accept = commandValid.and(of('commandReady')).named('accept');
      finish.set(accept.and(walk.last));
      active.set(begin.or(active.and(finish.not())));
      walk.advance(accept);
      const popGather = accept.and(gather);
      const list = listReader(m, begin.and(isGather), of('loadRows'), of('loadList'), popGather);
      return {
        popLoad,
        popStore,
        popGather,
        commandValid,
        commandWrite: write,
        commandAddress: gather.mux(of('gatherAddress'), walk.address),
        commandBytes: bytes,
        storeIssued: finish.and(write).or(popStore.and(of('storeEmpty'))),
        ...list,
        listDone: list.listDone.or(isGather.and(of('loadEmpty'))),
      };
    },
  });
}

type Body = NonNullable<Parameters<typeof defineModule>[0]['body']>;

/** Asks for the indices of a list, so many ahead that a command can leave each cycle. */
function listReader(
  m: Parameters<Body>[1],
  begin: Signal,
  rows: Signal,
  list: Signal,
  popGather: Signal,
): { indexValid: Signal; indexAddress: Signal; listDone: Signal } {
  const left = m.register('indicesLeft', COUNT_BITS, { reset: 0 });
  const address = m.register('indexAddressNow', list.width);
  const bits = Math.log2(INDICES_AHEAD) + 1;
  const asked = m.register('indicesAsked', bits, { reset: 0, comment: 'without a command yet' });
  const ask = left.reduceOr().and(asked.ltU(INDICES_AHEAD)).named('askIndex');
  left.set(begin.mux(rows, left.sub(1)), begin.or(ask));
  address.set(begin.mux(list, address.add(4)), begin.or(ask));
  asked.set(asked.add(ask.zeroExtend(bits)).sub(popGather.zeroExtend(bits)));
  return { indexValid: ask, indexAddress: address, listDone: ask.and(left.eq(1)) };
}
