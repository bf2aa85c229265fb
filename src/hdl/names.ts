/**
 * Chooses the names of a module's text, which are those of its simulation too.
 *
 * What was declared (ports, registers, wires, memories, instances, assertions) keeps its name, and two of the same
 * name are an error. What has no name takes that of its purpose: the output it drives, `count_next`,
 * `fifo_push`; or, at last, its operator and a number. Constants and unnamed slices get no name: they
 * stand where they are used, which cannot change a width.
 */
import { CeladonError } from '../base/index.ts';
import { RESERVED_WORDS } from './keywords.table.ts';
import { isSlice, type Module, type Signal } from './signal.ts';

/** The parts of a module that have names. */
export type Named = Pick<
  Module,
  'inputs' | 'outputs' | 'registers' | 'memories' | 'instances' | 'assertions' | 'order'
> & { readonly wires: readonly Signal[] };

/** `pushValid` as `push_valid`. Throws if it is not a name in SystemVerilog. */
export function snakeCase(name: string): string {
  const snake = name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toLowerCase();
  if (/^[a-z][a-z0-9_]*$/.test(snake)) return snake;
  throw new CeladonError(`a name must be letters, digits and _ after a letter, not "${name}"`);
}

/** The name of a module in the text. Throws if it is reserved. */
export function moduleName(name: string): string {
  const snake = snakeCase(name);
  if (!RESERVED_WORDS.includes(snake)) return snake;
  throw new CeladonError(`the name of a module must not be reserved, as ${snake} is`);
}

/** The name of every signal in use that needs one. Throws if two declarations have the same. */
export function chooseNames(parts: Named): Map<Signal, string> {
  const names = new Map<Signal, string>();
  const taken = new Set<string>(['clock', 'reset', ...RESERVED_WORDS]);
  const counts = new Map<string, number>();
  const claim = (name: string): string => {
    const snake = snakeCase(name);
    if (!taken.has(snake)) taken.add(snake);
    else throw new CeladonError(`a declared name must be new and not reserved, not ${snake}`);
    return snake;
  };
  const suggest = (signal: Signal, name: string, numbered = false): void => {
    if (names.has(signal) || standsInExpression(signal)) return;
    const base = snakeCase(name);
    let count = counts.get(base) ?? 0;
    let unique: string;
    do {
      count++;
      unique = count === 1 && !numbered ? base : `${base}_${count}`;
    } while (taken.has(unique));
    counts.set(base, count);
    names.set(signal, unique);
    taken.add(unique);
  };
  declare(parts, names, claim);
  for (const [signal, name] of suggestions(parts)) suggest(signal, name);
  for (const signal of parts.order) {
    if (signal.source.kind === 'operation') suggest(signal, signal.source.operator, true);
  }
  return names;
}

/** Claims the names of declarations; a driver without a name of its own takes that of its output. */
function declare(
  { inputs, outputs, registers, wires, memories, instances, assertions }: Named,
  names: Map<Signal, string>,
  claim: (name: string) => string,
): void {
  for (const [port, signal] of Object.entries(inputs)) names.set(signal, claim(port));
  for (const [port, driver] of Object.entries(outputs)) {
    const name = claim(port);
    const own = driver.name === undefined ? name : snakeCase(driver.name);
    if (own === name && !names.has(driver) && !standsInExpression(driver)) names.set(driver, name);
  }
  for (const signal of [...registers, ...wires]) {
    if (!names.has(signal)) names.set(signal, claim(signal.name!));
  }
  for (const { name } of [...memories, ...instances, ...assertions]) claim(name);
}

/** Signals and names that say their purpose, the most telling first. */
function* suggestions({
  registers,
  memories,
  instances,
  order,
}: Named): Generator<[Signal, string]> {
  for (const { name, data } of memories) yield [data, `${name}_data`];
  for (const { name, outputs } of instances) yield* prefixed(name, outputs);
  for (const signal of order) if (signal.name !== undefined) yield [signal, signal.name];
  for (const { name, next, enable } of registers) yield* prefixed(name!, { next, enable });
  for (const { name, read, write } of memories) {
    yield* prefixed(`${name}_read`, { ...read });
    yield* prefixed(`${name}_write`, { ...write });
  }
  for (const { name, inputs } of instances) yield* prefixed(name, inputs);
}

function* prefixed(
  prefix: string,
  signals: Readonly<Record<string, Signal | undefined>>,
): Generator<[Signal, string]> {
  for (const [name, signal] of Object.entries(signals)) {
    if (signal !== undefined) yield [signal, `${prefix}_${name}`];
  }
}

/** Constants and unnamed slices have no name of their own. */
function standsInExpression({ source, name }: Signal): boolean {
  return source.kind === 'constant' || (isSlice(source) && name === undefined);
}
