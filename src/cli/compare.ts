/** celadon compare: chips side by side for a model and a workload, with the source of each number. */
import { InvalidArgumentError, type Command } from 'commander';
import { UsageError } from '../base/index.ts';
import { loadAccelerator } from '../chip/index.ts';
import { servedModel, type Workload } from '../cluster/index.ts';
import { compareChip, compareDocument } from '../explore/index.ts';
import { checkModel, PRECISION_NAMES, PUBLISHED, type PrecisionName } from '../interop/index.ts';
import { choice, wholeNumber } from './arguments.ts';
import { knowledge } from './check.ts';
import { modelToCheck } from './checkModels.ts';
import { parseWorkload } from './planOptions.ts';
import { Output, type GlobalOptions } from './output.ts';
import { formatOption, outputOption, publish, type PublishOptions } from './publish.ts';

interface CompareOptions extends GlobalOptions, PublishOptions {
  readonly chips: readonly string[];
  readonly workload: Workload;
  readonly precision: PrecisionName;
  readonly count?: number;
}

export function addCompare(program: Command): void {
  program
    .command('compare')
    .description(
      'chips side by side for a model and a workload: what runs, memory, roofline, sources',
    )
    .argument('<model>', 'a name of the catalogue, config.json, folder or .gguf file')
    .requiredOption('--chips <ids>', 'of celadon chips: nvidia-h20,huawei-ascend-910c', names)
    .requiredOption('--workload <w>', 'input=1024,output=1024,concurrency=16', parseWorkload)
    .option('--count <n>', 'chips; as many as are enough when left out', wholeNumber(1))
    .addOption(
      choice('--precision <name>', 'what the weights are served in', PRECISION_NAMES).default(
        PUBLISHED,
      ),
    )
    .addOption(formatOption())
    .addOption(outputOption())
    .action((model: string, _: unknown, command: Command) =>
      compare(model, command.optsWithGlobals<CompareOptions>()),
    );
}

function names(text: string): string[] {
  const found = text.split(',').map((name) => name.trim());
  if (found.every((name) => name !== '') && new Set(found).size === found.length) return found;
  throw new InvalidArgumentError('It must be ids of chips, each once, with commas between.');
}

function compare(
  name: string,
  { chips, workload, precision, count, ...options }: CompareOptions,
): void {
  const output = new Output(options);
  const model = modelToCheck(name);
  const contextTokens = workload.input + workload.output;
  if (contextTokens > model.facts.contextTokens) {
    throw new UsageError(
      `input and output must be at most the ${model.facts.contextTokens} tokens of ${name}, not ${contextTokens}`,
      { where: '--workload', hint: 'give shorter requests' },
    );
  }
  const compared = {
    served: servedModel(model.configuration),
    prompt: model.promptGraph(),
    decode: model.graph,
    hasExperts: model.facts.groups.experts > 0,
  };
  const known = knowledge();
  const request = { contextTokens, batch: workload.concurrency, precision, count };
  const rows = chips.map(loadAccelerator).map((chip) => {
    const report = checkModel(model.facts, chip, request, known);
    return compareChip(compared, report, chip, workload);
  });
  if (output.json) output.result({ model: model.facts.name, workload, chips: rows });
  else publish({ compare: compareDocument(model.facts.name, workload, rows) }, options, output);
}
