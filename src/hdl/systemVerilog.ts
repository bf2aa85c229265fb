/**
 * Prints a module as SystemVerilog that an engineer can read and every tool accepts.
 *
 * The subset is Verilog-2005 with `logic`, `always_ff`, `always_comb` and immediate assertions on flat
 * packed vectors: what Verilator 5, Yosys 0.23 and Icarus 11 have in common.
 *
 * NOTE: the width of a SystemVerilog expression depends on what is around it. So each operation has a
 * declared wire of its own and operators never nest; only literals, part-selects and `$signed` stand
 * inside one, and the operands of a product are cast to its width. Then text and `Bits` cannot differ.
 */
import { CeladonError } from '../base/index.ts';
import { snakeCase } from './names.ts';
import type { Operator } from './operators.ts';
import { stateInputs } from './order.ts';
import type { Instance, Memory, Module, Operation, Register, Signal } from './signal.ts';

type Expression = (operands: readonly string[], signal: Signal, operation: Operation) => string;

const signed = (operand: string): string => `$signed(${operand})`;
const binary =
  (sign: string): Expression =>
  ([a, b]) =>
    `${a} ${sign} ${b}`;

const EXPRESSIONS: Readonly<Record<Operator, Expression>> = {
  not: ([a]) => `~${a}`,
  and: binary('&'),
  or: binary('|'),
  xor: binary('^'),
  add: binary('+'),
  sub: binary('-'),
  mulU: ([a, b], { width }) => `${width}'(${a}) * ${width}'(${b})`,
  mulS: ([a, b], { width }) => `${width}'(${signed(a)}) * ${width}'(${signed(b)})`,
  eq: binary('=='),
  ltU: binary('<'),
  ltS: ([a, b]) => `${signed(a)} < ${signed(b)}`,
  shl: binary('<<'),
  shr: binary('>>'),
  sra: ([a, n]) => `${signed(a)} >>> ${n}`,
  reduceAnd: ([a]) => `&${a}`,
  reduceOr: ([a]) => `|${a}`,
  reduceXor: ([a]) => `^${a}`,
  concat: (parts) => concatenation(parts),
  slice: ([a], { width }, { low }) => partSelect(a, width, low),
  mux: ([condition, whenFalse, whenTrue]) => `${condition} ? ${whenTrue} : ${whenFalse}`,
};

/** The text of one module, without the modules inside. Deterministic. Throws for an external module. */
export function toSystemVerilog(module: Module): string {
  if (module.external) {
    throw new CeladonError(`an external module has a file of its own, not one of ours`, {
      where: `module ${module.name}`,
    });
  }
  const printer = new Printer(module);
  const sections = [
    printer.declarations(),
    printer.nets(),
    ...module.instances.map((instance) => printer.instance(instance)),
    ...printer.registers(),
    ...module.memories.map((memory) => printer.memory(memory)),
    printer.assertions(),
  ].filter((lines) => lines.length > 0);
  const body = sections.map((lines) => `${lines.map((line) => `  ${line}`).join('\n')}\n`);
  const header = [...comment(module.comment), `module ${module.name} (`, ...printer.ports(), ');'];
  return `${[`${header.join('\n')}\n`, ...body, 'endmodule\n'].join('\n')}`.replace(/ +$/gm, '');
}

/** The text of a module and of all inside by file name, leaving out the external ones. */
export function systemVerilogFiles(top: Module): Map<string, string> {
  const files = new Map<string, string>();
  const visited = new Set<Module>();
  const visit = (module: Module): void => {
    if (visited.has(module) || module.external) return;
    visited.add(module);
    for (const { module: inner } of module.instances) visit(inner);
    const [name, text] = [`${module.name}.sv`, toSystemVerilog(module)];
    if ((files.get(name) ?? text) !== text) {
      throw new CeladonError(`modules of one name must be equal, not two different ${module.name}`, {
        where: `module ${top.name}`,
        hint: 'put the parameters into the name',
      });
    }
    files.set(name, text);
  };
  visit(top);
  return files;
}

class Printer {
  readonly #module: Module;
  readonly #ports: ReadonlySet<string>;

  constructor(module: Module) {
    this.#module = module;
    this.#ports = new Set(Object.keys(module.outputs).map((port) => snakeCase(port)));
  }

  ports(): string[] {
    const { clock, reset, inputs, outputs } = this.#module;
    const implicit = [clock && 'clock', reset && 'reset'].filter((name) => name !== false);
    const rows = [
      ...implicit.map((name) => ({ kind: 'input ', range: '', name, signal: undefined })),
      ...portRows('input ', inputs),
      ...portRows('output', outputs),
    ];
    const column = Math.max(...rows.map(({ range }) => range.length));
    return rows.flatMap(({ kind, range, name, signal }, i) => {
      const own = signal && this.#module.names.get(signal) === name ? signal.comment : undefined;
      const line = `${kind} logic ${range.padEnd(column)} ${name}`.replace(/ +(?=\w+$)/, column ? '$&' : ' ');
      return [...comment(own), `${line}${i < rows.length - 1 ? ',' : ''}`].map((row) => `  ${row}`);
    });
  }

  /** What is assigned further below: state and the outputs of instances. */
  declarations(): string[] {
    const { registers, memories, instances } = this.#module;
    return [
      ...registers.flatMap((register) => this.#declare(register)),
      ...memories.flatMap((memory) => [
        ...comment(memory.comment),
        `logic ${range(memory.width)}${memory.name} [0:${memory.words - 1}];`,
        ...this.#declare(memory.data),
      ]),
      ...instances.flatMap(({ outputs }) => {
        return Object.values(outputs).flatMap((output) => this.#declare(output));
      }),
    ];
  }

  /** One wire for each operation, in the order of the data. */
  nets(): string[] {
    const { order, names, outputs } = this.#module;
    const lines = order.flatMap((signal) => (names.has(signal) ? this.#net(signal) : []));
    const assigned = Object.entries(outputs)
      .map(([port, driver]) => [snakeCase(port), this.#refer(driver)])
      .filter(([port, driver]) => port !== driver);
    return [...lines, ...assigned.map(([port, driver]) => `assign ${port} = ${driver};`)];
  }

  instance({ name, comment: text, module, inputs, outputs }: Instance): string[] {
    const { external } = module;
    const portName = (port: string): string => (external ? port : snakeCase(port));
    const rows = Object.entries({ ...inputs, ...outputs }).map(([port, signal]) => {
      return [portName(port), this.#refer(signal)];
    });
    if (module.reset) rows.unshift([external?.reset ?? 'reset', 'reset']);
    if (module.clock) rows.unshift([external?.clock ?? 'clock', 'clock']);
    const parameters = Object.entries(external?.parameters ?? {}).map(([key, value]) => {
      return `.${key}(${value})`;
    });
    const type = parameters.length > 0 ? `${module.name} #(${parameters.join(', ')})` : module.name;
    const column = Math.max(...rows.map(([port]) => port.length));
    const connections = rows.map(([port, signal]) => `  .${port.padEnd(column)} (${signal})`);
    return [...comment(text), `${type} ${name} (`, ...connections.join(',\n').split('\n'), ');'];
  }

  /** A block for each run of registers with the same enable. */
  registers(): string[][] {
    const groups: Register[][] = [];
    let last: string | undefined;
    for (const register of this.#module.registers) {
      const key = `${resetOf(register) !== undefined} ${this.#enableOf(register)}`;
      if (key === last) groups.at(-1)!.push(register);
      else groups.push([register]);
      last = key;
    }
    return groups.map((group) => this.#registerBlock(group));
  }

  memory({ name, read, write, data }: Memory): string[] {
    const refer = (signal: Signal): string => this.#refer(signal);
    const when = (enable: Signal | undefined): string => (enable ? `if (${refer(enable)}) ` : '');
    const init = data.source.kind === 'memory' ? data.source.memory.init : [];
    const words = init.map((word, i) => `  ${name}[${i}] = ${literal(data.width, word)};`);
    return [
      'always_ff @(posedge clock) begin',
      ...(write
        ? [`  ${when(write.enable)}${name}[${refer(write.address)}] <= ${refer(write.data)};`]
        : []),
      `  ${when(read.enable)}${refer(data)} <= ${name}[${refer(read.address)}];`,
      'end',
      ...(words.length > 0 ? ['', 'initial begin', ...words, 'end'] : []),
    ];
  }

  assertions(): string[] {
    const { assertions } = this.#module;
    if (assertions.length === 0) return [];
    return [
      '`ifndef SYNTHESIS',
      'always_ff @(posedge clock) begin',
      '  if (!reset) begin',
      ...assertions.map(({ name, condition }) => `    ${name}: assert (${this.#refer(condition)});`),
      '  end',
      'end',
      '`endif',
    ];
  }

  #declare(signal: Signal): string[] {
    const name = this.#module.names.get(signal)!;
    if (this.#ports.has(name)) return [];
    return [...comment(signal.comment), `logic ${range(signal.width)}${name};`];
  }

  #net(signal: Signal): string[] {
    const { source, width } = signal;
    if (source.kind !== 'operation' && source.kind !== 'wire') return [];
    const name = this.#module.names.get(signal)!;
    const isPort = this.#ports.has(name);
    const above = isPort ? [] : comment(signal.comment);
    if (source.kind === 'operation' && isCase(source)) {
      const declaration = isPort ? [] : [`logic ${range(width)}${name};`];
      return [...above, ...declaration, ...this.#case(name, source)];
    }
    const value =
      source.kind === 'wire' ? this.#refer(source.driver!) : this.#expression(signal, source);
    return [...above, `${isPort ? 'assign ' : `wire  ${range(width)}`}${name} = ${value};`];
  }

  #case(name: string, { operands: [index, ...options] }: Operation): string[] {
    const rows = options.map((option, i) => {
      const label = i < options.length - 1 ? literal(index.width, BigInt(i)) : 'default';
      return `    ${label}: ${name} = ${this.#refer(option)};`;
    });
    return ['always_comb begin', `  case (${this.#refer(index)})`, ...rows, '  endcase', 'end'];
  }

  #registerBlock(group: readonly Register[]): string[] {
    const enable = this.#enableOf(group[0]);
    const block = (opening: string, assign: (register: Register) => string): string[] => {
      const lines = group.map((register) => `    ${this.#refer(register)} <= ${assign(register)};`);
      return [`  ${opening}begin`, ...lines, '  end'];
    };
    const update = (opening: string): string[] => {
      return block(opening, (register) => this.#refer(stateInputs(register)[0]));
    };
    const when = enable === undefined ? '' : `if (${enable}) `;
    const plain = update(when);
    const lines =
      resetOf(group[0]) === undefined
        ? when === ''
          ? plain.slice(1, -1).map((line) => line.slice(2))
          : plain
        : [
            ...block('if (reset) ', (register) => literal(register.width, resetOf(register)!)),
            ...update(`else ${when}`),
          ];
    return ['always_ff @(posedge clock) begin', ...joinElse(lines), 'end'];
  }

  #enableOf({ source }: Register): string | undefined {
    return source.kind === 'register' && source.enable ? this.#refer(source.enable) : undefined;
  }

  #expression(signal: Signal, operation: Operation): string {
    const operands = operation.operands.map((operand) => this.#refer(operand));
    return EXPRESSIONS[operation.operator](operands, signal, operation);
  }

  /** How an expression names the signal: its name, a literal, or a part of what has a name. */
  #refer(signal: Signal): string {
    const { source, width } = signal;
    const name = this.#module.names.get(signal);
    if (name !== undefined) return name;
    if (source.kind === 'constant') return literal(width, source.value);
    if (source.kind === 'operation') return this.#expression(signal, source);
    throw new Error(`a ${source.kind} has a name`);
  }
}
