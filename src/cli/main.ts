/** The command line: what commands there are, and how every one of them ends. */
import { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { addArea } from './area.ts';
import { addBench } from './bench.ts';
import { addCheck } from './check.ts';
import { addCompare } from './compare.ts';
import { addChips } from './chips.ts';
import { addCompile } from './compile.ts';
import { addDemo } from './demo.ts';
import { addDoctor } from './doctor.ts';
import { addEval } from './eval.ts';
import { INTERRUPTED, reportFailure } from './failure.ts';
import { addInspect } from './inspect.ts';
import { endQuietlyOnClosedPipe } from './output.ts';
import { addParity } from './parity.ts';
import { addPlan } from './plan.ts';
import { addRtl } from './rtl.ts';
import { addRun } from './run.ts';
import { addServe } from './serve.ts';
import { addVerify } from './verify.ts';

const EXAMPLES = `
Examples:
  celadon demo
  celadon run qwen3-tiny --chat -p "以《春夜》为题，写一首五言绝句。"
  celadon run qwen3-tiny -p "<|im_start|>user" --target jade --chip jade-nano --trace trace.json
  celadon inspect deepseek-v3
  celadon chips --country CN --sort bandwidth
  celadon check deepseek-v4-flash --chip huawei-ascend-910c`;

function createProgram(): Command {
  const program = new Command('celadon')
    .description(packageJson.description)
    .version(packageJson.version)
    .option('--json', 'one JSON object on stdout')
    .option('--verbose', 'show a stack trace for errors')
    .option('--quiet', 'say nothing but the result')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('  try: celadon --help')
    .exitOverride();
  const commands = [
    ...[addDemo, addRun, addServe, addEval, addBench, addInspect, addCompile],
    ...[addRtl, addVerify, addArea, addChips, addCheck, addCompare, addParity, addPlan],
    addDoctor,
  ];
  for (const add of commands) add(program);
  return program;
}

async function main(args: readonly string[]): Promise<void> {
  endQuietlyOnClosedPipe();
  process.on('SIGINT', () => process.exit(INTERRUPTED));
  try {
    await createProgram().parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = reportFailure(error, args.includes('--verbose'));
  }
}

await main(process.argv.slice(2));
