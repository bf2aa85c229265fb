import { defineModule, indexWidth, type Module, type Signal } from '../../../../hdl/index.ts';
import { SEQUENCES } from '../../sim/state.ts';

/** Queues that read the position registers, each from a copy of its own. */
export const POSITION_READERS = ['load', 'vector', 'store'] as const;

export const POSITION_INDEX_BITS = indexWidth(SEQUENCES);

/**
 * The position registers: `<queue>PositionIndex` in a cycle gives `<queue>Position` three cycles later.
 * Written from outside between programs.
 */
export function positionRegisters(): Module {
  const index = POSITION_INDEX_BITS;
  return defineModule({
    name: 'position_registers',
    comment: 'The position of each sequence; a position is read three cycles after its index.',
    inputs: {
      write: 1,
      writeIndex: index,
      writeData: 32,
      ...Object.fromEntries(POSITION_READERS.map((queue) => [`${queue}PositionIndex`, index])),
    },
    outputs: Object.fromEntries(POSITION_READERS.map((queue) => [`${queue}Position`, 32])),
    body(ports: Readonly<Record<string, Signal>>, m) {
      const write = {
        address: ports['writeIndex']!,
        data: ports['writeData']!,
        enable: ports['write']!,
      };
      const read = (queue: string): [string, Signal] => {
        const address = m.delay(`${queue}Index`, ports[`${queue}PositionIndex`]!);
        const copy = m.memory(`${queue}Copy`, {
          words: SEQUENCES,
          width: 32,
          read: { address },
          write,
        });
        return [`${queue}Position`, m.delay(`${queue}Out`, copy)];
      };
      return Object.fromEntries(POSITION_READERS.map(read));
    },
  });
}
