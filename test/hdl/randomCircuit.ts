/**
 * Circuits from a seed: operations of all kinds on signals of random widths, registers, memories and
 * instances of other circuits, with and without names.
 *
 * Every signal made goes into the output `digest`, each at another rotation, so an error in any bit
 * of any signal shows, and nothing is unused.
 */
import type { Random } from '../../src/base/index.ts';
import { constant, defineModule, type Module, type Signal } from '../../src/hdl/index.ts';
import type { ModuleBuilder } from '../../src/hdl/index.ts';
import { pick, randomValue, randomWidth } from './randomBits.ts';

const DIGEST_WIDTH = 256;

/** The signals so far, and what is drawn from them. */
class Pool {
  readonly random: Random;
  readonly signals: Signal[];

  constructor(random: Random, signals: readonly Signal[]) {
    this.random = random;
    this.signals = [...signals];
  }

  /** Any signal, with `width` bits if that is given. */
  draw(width?: number): Signal {
    if (width !== undefined && this.random.int(8) === 0) {
      return constant(width, randomValue(this.random, width));
    }
    const signal = pick(this.random, this.signals);
    return width === undefined ? signal : this.#fit(signal, width);
  }

  /** No constant: for addresses and enables, where tools warn of one. */
  drawVariable(width: number): Signal {
    let signal = this.draw(width);
    while (signal.source.kind === 'constant') signal = this.draw(width);
    return signal;
  }

  #fit(signal: Signal, width: number): Signal {
    if (signal.width > width) {
      const low = this.random.int(signal.width - width + 1);
      return signal.slice(low + width - 1, low);
    }
    return this.random.int(2) > 0 ? signal.signExtend(width) : signal.zeroExtend(width);
  }
}

/** What an operation may be; each draws its operands. */
const OPERATIONS: readonly ((pool: Pool) => Signal)[] = [
  (pool) => pool.draw().not(),
  (pool) => pool.draw().negate(),
  (pool) => pick(pool.random, [pool.draw().reduceAnd(), pool.draw().reduceOr()]),
  (pool) => pool.draw().reduceXor(),
  ...(['and', 'or', 'xor', 'add', 'sub', 'eq', 'ltU', 'ltS', 'geU', 'geS'] as const).map(
    (method) =>
      (pool: Pool): Signal => {
        const a = pool.draw();
        return a[method](pool.draw(a.width));
      },
  ),
  ...(['mulU', 'mulS'] as const).map((method) => (pool: Pool): Signal => {
    const [a, b] = [randomWidth(pool.random, 100), randomWidth(pool.random, 100)];
    return pool.draw(a)[method](pool.draw(b));
  }),
  ...(['shl', 'shr', 'sra'] as const).map(
    (method) =>
      (pool: Pool): Signal =>
        pool.draw()[method](pool.draw(1 + pool.random.int(8))),
  ),
  (pool) => {
    const a = pool.draw();
    return pool.draw(1).mux(a, pool.draw(a.width));
  },
  (pool) => {
    const [index, width] = [1 + pool.random.int(4), randomWidth(pool.random)];
    const count = 2 + pool.random.int(2 ** index - 1);
    return pool.draw(index).choose(Array.from({ length: count }, () => pool.draw(width)));
  },
  (pool) => {
    const part = (): Signal => pool.draw(1 + pool.random.int(60));
    return part().concat(...Array.from({ length: 1 + pool.random.int(3) }, part));
  },
  (pool) => {
    const a = pool.draw();
    const low = pool.random.int(a.width);
    return a.slice(low + pool.random.int(a.width - low), low);
  },
];

/** A circuit of about `size` operations, with instances of some of `inside`. */
export function randomCircuit(
  random: Random,
  name: string,
  inside: readonly Module[] = [],
  size = 30,
): Module {
  const ports = Array.from({ length: 1 + random.int(4) }, (_, i) => {
    return [`in${i}`, randomWidth(random, 100)] as const;
  });
  return defineModule({
    name,
    inputs: Object.fromEntries(ports),
    outputs: { digest: DIGEST_WIDTH, plain: ports[0][1], one: 1 },
    body(inputs, m) {
      const { registers } = m;
      for (let i = 0; i < 3; i++) addRegister(random, m, `state${i}`);
      const pool = new Pool(random, [...Object.values(inputs), ...registers]);
      for (let i = 0; i < size; i++) pool.signals.push(operation(pool, m, i));
      pool.signals.push(memory(pool, m, 'words'), memory(pool, m, 'numbers'));
      for (const [i, module] of inside.entries()) {
        pool.signals.push(...instance(pool, m, `inner${i}`, module));
      }
      for (let i = size; i < size + 10; i++) pool.signals.push(operation(pool, m, i));
      for (const register of registers) {
        const enable = random.int(2) > 0 ? [pool.drawVariable(1)] : [];
        register.set(pool.draw(register.width), ...enable);
      }
      return { digest: digest(pool.signals), plain: inputs.in0, one: pool.draw(1) };
    },
  });
}

function addRegister(random: Random, m: ModuleBuilder, name: string): void {
  const width = randomWidth(random);
  const reset = random.int(3) > 0 ? { reset: randomValue(random, width) } : {};
  m.register(name, width, reset);
}

/** An operation, sometimes with a name or behind a wire. */
function operation(pool: Pool, m: ModuleBuilder, i: number): Signal {
  const result = pick(pool.random, OPERATIONS)(pool);
  const kind = pool.random.int(8);
  if (kind === 0) return result.named('sameName');
  if (kind > 1) return result;
  const wire = m.wire(`wire${i}`, result.width);
  wire.set(result);
  return wire;
}

/** Small enough that words are met again; of two to the power of the bits of the address. */
function memory(pool: Pool, m: ModuleBuilder, name: string): Signal {
  const { random } = pool;
  const [bits, width] = [1 + random.int(4), randomWidth(random)];
  const address = pool.drawVariable(bits);
  const writeAddress = random.int(2) > 0 ? address : pool.drawVariable(bits);
  const writes = random.int(4) > 0;
  return m.memory(name, {
    words: 2 ** bits,
    width,
    init: Array.from({ length: writes ? random.int(2 ** bits) : 2 }, () =>
      randomValue(random, width),
    ),
    read: { address, ...(random.int(2) > 0 ? { enable: pool.drawVariable(1) } : {}) },
    ...(writes
      ? { write: { address: writeAddress, data: pool.draw(width), enable: pool.drawVariable(1) } }
      : {}),
  });
}

function instance(pool: Pool, m: ModuleBuilder, name: string, module: Module): Signal[] {
  const inputs = Object.entries(module.inputs).map(([port, { width }]) => {
    return [port, pool.draw(width)] as const;
  });
  return Object.values(m.instance(name, module, Object.fromEntries(inputs)));
}

function digest(signals: readonly Signal[]): Signal {
  return signals.reduce(
    (all, signal) => {
      const rotated = all.low(DIGEST_WIDTH - 1).concat(all.high(1));
      return rotated.xor(signal.low(Math.min(signal.width, DIGEST_WIDTH)).zeroExtend(DIGEST_WIDTH));
    },
    constant(DIGEST_WIDTH, 0),
  );
}

/** Several levels: circuits inside circuits, the last the top. */
export function randomHierarchy(random: Random, name: string): Module {
  const leaves = [0, 1].map((i) => randomCircuit(random, `${name}_leaf${i}`, [], 12));
  const middle = randomCircuit(random, `${name}_middle`, [leaves[0], leaves[0], leaves[1]], 12);
  return randomCircuit(random, name, [middle, leaves[1]]);
}

/** Random inputs for each cycle; one cycle in ten has a reset. */
export function randomStimuli(random: Random, { inputs }: Module, cycles: number): Stimulus[] {
  return Array.from({ length: cycles }, () => {
    const values = Object.entries(inputs).map(([port, { width }]) => {
      return [port, randomValue(random, width)] as const;
    });
    return { reset: random.int(10) === 0, inputs: Object.fromEntries(values) };
  });
}

/** What a cycle is given. */
export interface Stimulus {
  readonly reset: boolean;
  readonly inputs: Readonly<Record<string, bigint>>;
}
