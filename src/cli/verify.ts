/** celadon verify: the Verilated RTL of a chip beside the simulator, instruction by instruction. */
import type { Command } from 'commander';
import { loadChip } from '../chip/index.ts';
import type { Finding, VerifyReport } from '../target/jade/index.ts';
import { wholeNumber } from './arguments.ts';
import { Output, type GlobalOptions } from './output.ts';
import { DEFAULT_CHIP } from './targets.ts';
import { verifyModel, type ModelReport } from './verifyModel.ts';

interface VerifyCommandOptions extends GlobalOptions {
  readonly chip: string;
  readonly programs: number;
  readonly length: number;
  readonly seed: number;
  readonly jitter?: boolean;
  readonly wave?: boolean;
  readonly model?: string;
  readonly prompt: string;
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly decodeOnly?: boolean;
}

export function addVerify(program: Command): void {
  program
    .command('verify')
    .description(
      'run the RTL of a chip in Verilator and compare each instruction with the simulator',
    )
    .option('--chip <name|file>', 'chip to verify', DEFAULT_CHIP)
    .option('--programs <count>', 'random programs', wholeNumber(0), 100)
    .option('--length <count>', 'instructions drawn for a program', wholeNumber(1), 30)
    .option('--seed <number>', 'seed of the first program; the others follow', wholeNumber(0), 1)
    .option('--jitter', 'let memory and instructions pause at random: compare results, not cycles')
    .option('--wave', 'draw the first difference: builds the RTL once more, with waveforms')
    .option('--model <model>', 'also run a model, step for step')
    .option('-p, --prompt <text>', 'its prompt, repeated as often as needed', 'Once upon a time ')
    .option('--prompt-tokens <count>', 'tokens of its prompt', wholeNumber(1), 32)
    .option('-n, --new-tokens <count>', 'tokens it generates, greedily', wholeNumber(1), 32)
    .option('--decode-only', 'leave the prompt to the simulator: the RTL begins behind it')
    .action((_: unknown, command: Command) =>
      verify(command.optsWithGlobals<VerifyCommandOptions>()),
    );
}

async function verify(options: VerifyCommandOptions): Promise<void> {
  const output = new Output(options);
  const chip = loadChip(options.chip);
  const { loadVerification } = await import('../target/jade/index.ts');
  const { buildBench, verifyPrograms } = await loadVerification();
  output.note(`building the RTL of ${chip.name} with Verilator, or taking the one built before`);
  buildBench(chip);
  const report = verifyPrograms(chip, {
    programs: options.programs,
    length: options.length,
    seed: options.seed,
    jitter: options.jitter === true,
    wave: options.wave === true,
    progress: (done) => output.progress(`${done} of ${options.programs} programs`),
  });
  output.done();
  const { model: name } = options;
  if (name !== undefined) output.note(`running ${name} on the simulator, then on the RTL`);
  const model =
    name === undefined ? undefined : await verifyModel(chip, { ...options, model: name });
  const differs = report.differences.length > 0 || model?.difference !== undefined;
  if (output.json) output.result({ chip: chip.name, ...report, ...(model && { model }) });
  else print(report, model, output);
  if (differs) process.exitCode = 1;
}

function print(report: VerifyReport, model: ModelReport | undefined, output: Output): void {
  if (report.programs > 0) printPrograms(report, output);
  if (model !== undefined) printModel(model, output);
}

function printPrograms(report: VerifyReport, output: Output): void {
  const { programs, instructions, cycles, seeds, differences } = report;
  output.line(`programs      ${programs}, seeds ${seeds[0]} to ${seeds[1]}`);
  output.line(`instructions  ${instructions.toLocaleString('en')}`);
  output.line(`cycles        ${cycles.toLocaleString('en')}`);
  output.line(`differences   ${differences.length}`);
  for (const finding of differences) printFinding(finding, output);
}

function printModel(model: ModelReport, output: Output): void {
  const speed = Math.round(model.cycles / model.seconds / 1000);
  output.line(
    `${model.model}: ${model.tokens.length} tokens, ${model.cycles.toLocaleString('en')} cycles of RTL in ` +
      `${model.seconds.toFixed(1)} s (${speed} kcycles/s), ${model.difference === undefined ? 'equal' : 'different'}`,
  );
  if (model.difference !== undefined) output.line(JSON.stringify(model.difference));
}

function printFinding(
  { seed, instruction, difference, listing, waveform }: Finding,
  output: Output,
): void {
  output.line(`\nseed ${seed}, made as small as it still differs:`);
  for (const [i, line] of listing.entries()) output.line(`  ${i}: ${line}`);
  output.line(`first difference: ${difference.what} of ${instruction}, cycle ${difference.cycle}`);
  output.line(`  simulator  ${difference.expected}`);
  output.line(`  RTL        ${difference.found}`);
  if (difference.written !== '') output.line(`  RTL wrote  ${difference.written}`);
  output.line(`waveform: ${waveform ?? 'not drawn; --wave draws it'}`);
}
