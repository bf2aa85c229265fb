/** celadon parity: when the roadmaps meet, and what the catalogue answers to three open questions. */
import type { Command } from 'commander';
import {
  loadAccelerators,
  loadAssumptions,
  loadProcurement,
  loadRoadmaps,
  loadShipments,
} from '../chip/index.ts';
import { answersOf, parityDocument, parityOf, type ParityWorkload } from '../explore/index.ts';
import { wholeNumber } from './arguments.ts';
import { modelToCheck } from './checkModels.ts';
import { Output, type GlobalOptions } from './output.ts';
import { formatOption, outputOption, publish, type PublishOptions } from './publish.ts';

interface ParityOptions extends GlobalOptions, PublishOptions {
  readonly context: number;
  readonly batch: number;
}

export function addParity(program: Command): void {
  program
    .command('parity')
    .description(
      'domestic roadmaps against NVIDIA’s by year: per chip, system and watt; with sources',
    )
    .argument('[model]', 'the workload: a catalogue name, config.json or folder', 'deepseek-v3')
    .option('--context <tokens>', 'tokens of a sequence', wholeNumber(1), 4096)
    .option('--batch <sequences>', 'sequences of a chip', wholeNumber(1), 64)
    .addOption(formatOption())
    .addOption(outputOption())
    .action((model: string, _: unknown, command: Command) =>
      parity(model, command.optsWithGlobals<ParityOptions>()),
    );
}

function parity(name: string, options: ParityOptions): void {
  const output = new Output(options);
  const { facts } = modelToCheck(name);
  const workload: ParityWorkload = {
    model: facts.name,
    totalParameters: facts.parameters.total,
    activeParameters: facts.parameters.active,
    stateBytesPerToken: facts.states.reduce((sum, { bytesPerToken }) => sum + bytesPerToken, 0),
    contextTokens: options.context,
    batch: options.batch,
  };
  const assumptions = loadAssumptions();
  const found = parityOf(loadRoadmaps(), loadAccelerators(), workload, assumptions);
  const answers = answersOf(loadShipments(), loadProcurement(), found);
  if (output.json) output.result({ ...found, answers, assumptions: assumptions.rows });
  else publish({ parity: parityDocument(found, answers, assumptions) }, options, output);
}
