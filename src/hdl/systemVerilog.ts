/**
 * Prints a module as SystemVerilog that an engineer can read and every tool accepts.
 *
 * The subset is Verilog-2005 with `logic`, `always_ff`, `always_comb` and immediate assertions on flat
 * packed vectors: what Verilator 5, Yosys 0.23 and Icarus 11 have in common. A module is a file: ports,
 * state, wires in the order of the data, instances, registers, memories, assertions.
 */
import { CeladonError } from '../base/index.ts';
import { snakeCase } from './names.ts';
import type { Instance, Memory, Module, Register, Signal } from './signal.ts';
import { expressionOf, literal, needsCase, range, reference } from './verilogExpression.ts';

/** The text of one module, without the modules inside. Deterministic. Throws for an external module. */
export function toSystemVerilog(module: Module): string {
  if (module.external) {
    const where = `module ${module.name}`;
    throw new CeladonError('an external module has a file of its own, not one of ours', { where });
  }
  const driven = drivenPorts(module);
  const sections = [
    declarations(module, driven),
    wires(module, driven),
    ...module.instances.map((instance) => instanceText(module, instance)),
    ...registerGroups(module).map((group) => registerBlock(module, group)),
    ...module.memories.map((memory) => memoryBlock(module, memory)),
    assertions(module),
  ].filter((lines) => lines.length > 0);
  const { keepHierarchy } = module;
  const header = [
    ...comment(module.comment),
    ...(keepHierarchy ? ['(* keep_hierarchy *)'] : []),
    `module ${module.name} (`,
    ...ports(module, driven),
    keepHierarchy ? '); /*verilator no_inline_module*/' : ');',
  ];
  return [header, ...sections.map(indent), ['endmodule']]
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

/** The ports of a module without what is in it: tools of synthesis leave its instances as they are. */
function blackBox(module: Module): string {
  const lines = [
    '(* blackbox *)',
    `module ${module.name} (`,
    ...ports(module, drivenPorts(module)),
  ];
  return [...lines, ');', 'endmodule', ''].join('\n');
}

/** The text of a module and of all inside by file name, leaving out the external ones and what is in boxes. */
export function systemVerilogFiles(
  top: Module,
  isBox: (module: Module) => boolean = () => false,
): Map<string, string> {
  const files = new Map<string, string>();
  const visited = new Set<Module>();
  const visit = (module: Module): void => {
    if (visited.has(module) || module.external) return;
    visited.add(module);
    const boxed = isBox(module);
    if (!boxed) for (const { module: inner } of module.instances) visit(inner);
    const [name, text] = [`${module.name}.sv`, boxed ? blackBox(module) : toSystemVerilog(module)];
    if ((files.get(name) ?? text) !== text) {
      throw new CeladonError(
        `modules of one name must be equal, not two different ${module.name}`,
        { where: `module ${top.name}`, hint: 'put what differs into the name' },
      );
    }
    files.set(name, text);
  };
  visit(top);
  return files;
}

function ports({ clock, reset, inputs, outputs }: Module, driven: Driven): string[] {
  const rows = [
    ...(clock ? [{ direction: 'input ', name: 'clock', width: 1 }] : []),
    ...(reset ? [{ direction: 'input ', name: 'reset', width: 1 }] : []),
    ...portRows('input ', inputs),
    ...portRows('output', outputs),
  ];
  const column = Math.max(...rows.map(({ width }) => range(width).length));
  return rows.flatMap(({ direction, name, width, signal }, i) => {
    // A signal named for its output is declared here, so its comment is here too.
    const text = signal && driven.get(signal) === name ? signal.comment : undefined;
    const end = i < rows.length - 1 ? ',' : '';
    const port = `${direction} logic ${range(width).padEnd(column)}${name}${end}`;
    return indent([...comment(text), port]);
  });
}

/** Signals that are output ports by name, which declares them, and the names. */
type Driven = ReadonlyMap<Signal, string>;

function drivenPorts({ outputs, names }: Module): Driven {
  const ports = Object.entries(outputs).map(([port, signal]) => [signal, snakeCase(port)] as const);
  return new Map(ports.filter(([signal, port]) => names.get(signal) === port));
}

interface PortRow {
  readonly direction: string;
  readonly name: string;
  readonly width: number;
  readonly signal?: Signal;
}

function portRows(direction: string, signals: Readonly<Record<string, Signal>>): PortRow[] {
  return Object.entries(signals).map(([port, signal]) => {
    return { direction, name: snakeCase(port), width: signal.width, signal };
  });
}

/** What is assigned further below: state and the outputs of instances. */
function declarations(module: Module, driven: Driven): string[] {
  const { registers, memories, instances } = module;
  return [
    ...registers.flatMap((register) => declaration(module, register, driven)),
    ...memories.flatMap(({ name, comment: text, words, width, data, write }) => [
      ...comment(text),
      ...(write?.byteEnable ? [] : [`logic ${range(width)}${name} [0:${words - 1}];`]),
      ...declaration(module, data, driven),
    ]),
    ...instances.flatMap(({ outputs }) =>
      Object.values(outputs).flatMap((output) => declaration(module, output, driven)),
    ),
  ];
}

/** Nothing for a signal that is an output port by name. */
function declaration(module: Module, signal: Signal, driven: Driven): string[] {
  if (driven.has(signal)) return [];
  return [...comment(signal.comment), `logic ${range(signal.width)}${reference(module, signal)};`];
}

/** One wire for each operation, then the outputs that are driven by a signal of another name. */
function wires(module: Module, driven: Driven): string[] {
  const { order, names, outputs } = module;
  const lines = order.flatMap((signal) => (names.has(signal) ? wire(module, signal, driven) : []));
  const assigned = Object.entries(outputs)
    .map(([port, driver]) => [snakeCase(port), reference(module, driver)])
    .filter(([port, driver]) => port !== driver);
  return [...lines, ...assigned.map(([port, driver]) => `assign ${port} = ${driver};`)];
}

function wire(module: Module, signal: Signal, driven: Driven): string[] {
  const { source, width } = signal;
  if (source.kind !== 'operation' && source.kind !== 'wire') return [];
  const name = reference(module, signal);
  if (source.kind === 'operation' && needsCase(source)) {
    return [...declaration(module, signal, driven), ...caseBlock(module, name, source.operands)];
  }
  const value =
    source.kind === 'wire'
      ? reference(module, source.driver!)
      : expressionOf(module, signal, source);
  if (driven.has(signal)) return [`assign ${name} = ${value};`];
  return [...comment(signal.comment), `wire ${range(width)}${name} = ${value};`];
}

function caseBlock(module: Module, name: string, [index, ...options]: readonly Signal[]): string[] {
  const rows = options.map((option, i) => {
    const label = i < options.length - 1 ? literal(index.width, BigInt(i)) : 'default';
    return `    ${label}: ${name} = ${reference(module, option)};`;
  });
  return ['always_comb', `  case (${reference(module, index)})`, ...rows, '  endcase'];
}

function instanceText(module: Module, instance: Instance): string[] {
  const { external, name, clock, reset } = instance.module;
  const rows = [
    ...(clock ? [[external?.clock ?? 'clock', 'clock']] : []),
    ...(reset ? [[external?.reset ?? 'reset', 'reset']] : []),
    ...Object.entries({ ...instance.inputs, ...instance.outputs }).map(([port, signal]) => {
      return [external ? port : snakeCase(port), reference(module, signal)];
    }),
  ];
  const parameters = Object.entries(external?.parameters ?? {});
  const values = parameters.map(([parameter, value]) => `.${parameter}(${value})`).join(', ');
  const column = Math.max(...rows.map(([port]) => port.length));
  return [
    ...comment(instance.comment),
    `${name} ${values && `#(${values}) `}${instance.name} (`,
    ...rows.map(([port, signal], i) => {
      return `  .${port.padEnd(column)} (${signal})${i < rows.length - 1 ? ',' : ''}`;
    }),
    ');',
  ];
}

interface RegisterGroup {
  readonly registers: Register[];
  readonly resets: boolean;
  readonly enable: string | undefined;
}

/** Neighbours with the same enable share a block. */
function registerGroups(module: Module): RegisterGroup[] {
  const groups: RegisterGroup[] = [];
  for (const register of module.registers) {
    const enable = register.enable && reference(module, register.enable);
    const resets = register.reset !== undefined;
    const last = groups.at(-1);
    if (last?.enable === enable && last?.resets === resets) last.registers.push(register);
    else groups.push({ registers: [register], resets, enable });
  }
  return groups;
}

function registerBlock(module: Module, { registers, resets, enable }: RegisterGroup): string[] {
  const assign = (value: (register: Register) => string): string[] =>
    registers.map((register) => `${reference(module, register)} <= ${value(register)};`);
  const update = assign(({ next }) => reference(module, next));
  const clear = (): string[] => assign(({ width, reset }) => literal(width, reset!));
  return clocked(resets ? ifElse(['reset', clear()], [enable, update]) : ifElse([enable, update]));
}

function memoryBlock(module: Module, memory: Memory): string[] {
  const { name, width, read, write, data, init } = memory;
  if (write?.byteEnable) return laneBlock(module, memory, write.byteEnable);
  const refer = (signal: Signal): string => reference(module, signal);
  const enable = read.enable && refer(read.enable);
  const fetch = `${refer(data)} <= ${name}[${refer(read.address)}];`;
  const words = init.map((word, i) => `  ${name}[${i}] = ${literal(width, word)};`);
  const reading = ifElse([enable, [fetch]]);
  const initial = words.length > 0 ? ['', 'initial begin', ...words, 'end'] : [];
  if (write === undefined) return [...clocked(reading), ...initial];
  const store = `${name}[${refer(write.address)}] <= ${refer(write.data)};`;
  const writing = ifElse([refer(write.enable), [store]]);
  // What an always_ff writes, an initial block must not.
  const keyword = words.length > 0 ? 'always' : 'always_ff';
  return [...clocked([...writing, ...reading], keyword), ...initial];
}

/**
 * A memory with byte enables, as lanes of up to 64 bits, the usual width of a macro. The bytes of a lane
 * are written by one statement: tools then find one write port, and a simulator skips it at once.
 */
function laneBlock(module: Module, memory: Memory, byteEnable: Signal): string[] {
  const { name, words, width, read, write, data } = memory;
  const refer = (signal: Signal): string => reference(module, signal);
  const lane = [64, 32, 16, 8].find((bits) => width % bits === 0)!;
  const word = `${name}[${refer(write!.address)}][8*BYTE +: 8]`;
  const enable = `${refer(byteEnable)}[${lane / 8}*LANE + BYTE]`;
  const store = [
    `for (int BYTE = 0; BYTE < ${lane / 8}; BYTE = BYTE + 1)`,
    `  ${word} <= ${enable} ? ${refer(write!.data)}[${lane}*LANE + 8*BYTE +: 8] : ${word};`,
  ];
  const fetch = `${refer(data)}[${lane}*LANE +: ${lane}] <= ${name}[${refer(read.address)}];`;
  const body = [
    `logic [${lane - 1}:0] ${name} [0:${words - 1}];`,
    ...clocked([
      ...ifElse([refer(write!.enable), store]),
      ...ifElse([read.enable && refer(read.enable), [fetch]]),
    ]),
  ];
  const loop = `for (genvar LANE = 0; LANE < ${width / lane}; LANE = LANE + 1)`;
  const block = [`${loop} begin : ${name}_lane`, ...indent(body), 'end'];
  return ['generate', ...indent(block), 'endgenerate'];
}

function assertions(module: Module): string[] {
  // The name is that of a block: Icarus does not know names of assertions.
  const checks = module.assertions.flatMap(({ kind, name, condition }) => [
    `if (!reset) begin : ${name}`,
    `  ${kind} (${reference(module, condition)});`,
    'end',
  ]);
  return checks.length > 0 ? ['`ifndef SYNTHESIS', ...clocked(checks, 'always'), '`endif'] : [];
}

function clocked(lines: readonly string[], keyword = 'always_ff'): string[] {
  return [`${keyword} @(posedge clock) begin`, ...indent(lines), 'end'];
}

/** Branches in order; one without a condition is the last. */
function ifElse(
  ...branches: readonly [condition: string | undefined, lines: string[]][]
): string[] {
  if (branches[0][0] === undefined) return branches[0][1];
  return branches.flatMap(([condition, lines], i) => {
    const prefix = i === 0 ? '' : 'else ';
    const opening = condition === undefined ? prefix : `${prefix}if (${condition}) `;
    if (lines.length === 1) return [`${opening}${lines[0]}`];
    return [`${opening}begin`, ...indent(lines), 'end'];
  });
}

function comment(text: string | undefined): string[] {
  return text === undefined ? [] : text.split('\n').map((line) => `// ${line}`.trimEnd());
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? line : `  ${line}`));
}
