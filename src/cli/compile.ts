/** celadon compile: from a model to the program of a chip, every pass in sight. */
import type { Command } from 'commander';
import { CapacityError, formatBytes, nearestName, UsageError } from '../base/index.ts';
import { loadChip } from '../chip/index.ts';
import { compileLowered, lowerGraph } from '../compile/index.ts';
import { printGraph, topologicalOrder, type Graph } from '../ir/index.ts';
import { wholeNumber } from './arguments.ts';
import { openModel } from './models.ts';
import { writeFolder } from './newFile.ts';
import { Output, type GlobalOptions } from './output.ts';
import { formatTable } from './table.ts';
import { createJade, DEFAULT_CHIP } from './targets.ts';

interface CompileOptions extends GlobalOptions {
  readonly chip: string;
  readonly tokens: number;
  readonly context: number;
  readonly dump?: string | true;
  readonly output?: string;
}

export function addCompile(program: Command): void {
  program
    .command('compile')
    .description('compile a model for a chip: passes, program, listing, memory map')
    .argument('<model>', 'folder, .gguf file, hf:ORG/NAME or built-in name')
    .option('--chip <name|file>', 'chip to compile for', DEFAULT_CHIP)
    .option('-t, --tokens <count>', 'tokens a step takes', wholeNumber(1), 1)
    .option('-c, --context <count>', 'tokens the state has room for', wholeNumber(1), 256)
    .option('--dump [pass]', 'print the graph after each pass, or after one')
    .option('-o, --output <folder>', 'write program.bin, listing.txt, memory-map.txt, summary.json')
    .action((model: string, _: unknown, command: Command) =>
      compile(model, command.optsWithGlobals<CompileOptions>()),
    );
}

interface PassReport {
  readonly pass: string;
  readonly nodes: number;
}

async function compile(name: string, options: CompileOptions): Promise<void> {
  const output = new Output(options);
  const chip = loadChip(options.chip);
  requireContext(options);
  const model = openModel(name);
  const target = await createJade(chip, options.context);
  const { passes, lowered } = lower(model.graph({ logits: 'last' }), target, options, output);
  const dims = target.bucket({ B: 1, T: options.tokens, S: options.context });
  const program = compileLowered(lowered, target, dims);
  const summary = {
    model: model.name,
    chip: chip.name,
    dims: program.dims,
    passes,
    instructions: program.instructions.length,
    instructionsByOp: countBy(program.instructions.map(({ op }) => op)),
    sizeBytes: program.sizeBytes,
    hash: program.hash,
    memoryBytes: program.layout.sizeBytes,
  };
  if (options.output !== undefined) {
    const files = {
      'program.bin': program.bytes(),
      'listing.txt': `${program.listing()}\n`,
      'memory-map.txt': `${program.memoryMap()}\n`,
      'summary.json': `${JSON.stringify(summary, null, 2)}\n`,
    };
    writeFolder(options.output, files);
  }
  if (output.json) output.result(summary);
  else print(summary, options, output);
}

function requireContext({ tokens, context }: CompileOptions): void {
  if (tokens <= context) return;
  throw new CapacityError(
    `the context of ${context} tokens must hold a step, not one of ${tokens}`,
    {
      where: '-t',
      hint: `use -c ${tokens} or more`,
    },
  );
}

/** Runs the passes, printing what --dump asks for. */
function lower(
  graph: Graph,
  target: Parameters<typeof lowerGraph>[1],
  { dump, json }: CompileOptions,
  output: Output,
): { passes: PassReport[]; lowered: Graph } {
  const passes: PassReport[] = [{ pass: 'model', nodes: topologicalOrder(graph).length }];
  const show = (pass: string, after: Graph): void => {
    if (json || (dump !== true && dump !== pass)) return;
    output.line(`${output.mark('bold', `; after ${pass}`)}\n${printGraph(after)}`);
  };
  show('model', graph);
  const lowered = lowerGraph(graph, target, (pass, after) => {
    passes.push({ pass, nodes: topologicalOrder(after).length });
    show(pass, after);
  });
  if (typeof dump === 'string') requirePass(dump, passes);
  return { passes, lowered };
}

function requirePass(dump: string, passes: readonly PassReport[]): void {
  const names = [...new Set(passes.map(({ pass }) => pass))];
  if (names.includes(dump)) return;
  const near = nearestName(dump, names);
  throw new UsageError(`the pass must be one of ${names.join(', ')}, not ${JSON.stringify(dump)}`, {
    where: '--dump',
    hint: near === undefined ? 'leave the name out to see all' : `did you mean ${near}?`,
  });
}

function countBy(names: readonly string[]): Record<string, number> {
  const groups = [...Map.groupBy(names, (name) => name)];
  return Object.fromEntries(groups.map(([name, all]) => [name, all.length]));
}

function print(
  summary: {
    readonly passes: readonly PassReport[];
    readonly instructions: number;
    readonly instructionsByOp: Readonly<Record<string, number>>;
    readonly sizeBytes: number;
    readonly memoryBytes: number;
    readonly hash: string;
  },
  { output: folder, dump }: CompileOptions,
  output: Output,
): void {
  if (dump !== undefined) return;
  const rows = summary.passes.map(({ pass, nodes }) => [pass, `${nodes}`]);
  output.line(formatTable([['pass', 'nodes'], ...rows]));
  output.line();
  const ops = Object.entries(summary.instructionsByOp).toSorted((a, b) => b[1] - a[1]);
  output.line(
    formatTable([['instruction', 'count'], ...ops.map(([op, count]) => [op, `${count}`])]),
  );
  output.line();
  output.line(
    `program      ${summary.instructions} instructions, ${formatBytes(summary.sizeBytes)}`,
  );
  output.line(`memory       ${formatBytes(summary.memoryBytes)} for weights, state and mailboxes`);
  output.line(`hash         ${summary.hash}`);
  if (folder !== undefined) output.note(`written to ${folder}`);
}
