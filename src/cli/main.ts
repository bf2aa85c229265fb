/** The command line: what commands there are, and how every one of them ends. */
import { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { fetchModels } from './fetchModels.ts';
import { INTERRUPTED, reportFailure } from './failure.ts';
import { endQuietlyOnClosedPipe } from './output.ts';
import { expectObjects } from './heap.ts';

const EXAMPLES = `
Examples:
  celadon demo
  celadon run qwen3-tiny --chat -p "以《春夜》为题，写一首五言绝句。"
  celadon run qwen3-tiny -p "<|im_start|>user" --target jade --chip jade-nano --trace trace.json
  celadon run hf:Qwen/Qwen3-0.6B --chat -p "Why is the sky blue?"
  celadon inspect deepseek-v3
  celadon chips --country CN --sort bandwidth
  celadon check deepseek-v4-flash --chip huawei-ascend-910c`;

/** Each command, in the order of the help, as what adds it. A start loads the one that it runs. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  demo: async () => (await import('./demo.ts')).addDemo,
  run: async () => (await import('./run.ts')).addRun,
  serve: async () => (await import('./serve.ts')).addServe,
  eval: async () => (await import('./eval.ts')).addEval,
  bench: async () => (await import('./bench.ts')).addBench,
  inspect: async () => (await import('./inspect.ts')).addInspect,
  compile: async () => (await import('./compile.ts')).addCompile,
  rtl: async () => (await import('./rtl.ts')).addRtl,
  verify: async () => (await import('./verify.ts')).addVerify,
  area: async () => (await import('./area.ts')).addArea,
  chips: async () => (await import('./chips.ts')).addChips,
  check: async () => (await import('./check.ts')).addCheck,
  compare: async () => (await import('./compare.ts')).addCompare,
  parity: async () => (await import('./parity.ts')).addParity,
  explore: async () => (await import('./explore.ts')).addExplore,
  'explore-compare': async () => (await import('./exploreCompare.ts')).addExploreCompare,
  'explore-worker': async () => (await import('./exploreWorker.ts')).addExploreWorker,
  plan: async () => (await import('./plan.ts')).addPlan,
  cache: async () => (await import('./cache.ts')).addCache,
  doctor: async () => (await import('./doctor.ts')).addDoctor,
};

/** The commands that `args` need: the one they name, or all, for help and for what is none of them. */
function neededCommands(args: readonly string[]): readonly string[] {
  const first = args.find((arg) => !arg.startsWith('-'));
  return first !== undefined && Object.hasOwn(COMMANDS, first) ? [first] : Object.keys(COMMANDS);
}

async function createProgram(commands: readonly string[]): Promise<Command> {
  const program = new Command('celadon')
    .description(packageJson.description)
    .version(packageJson.version)
    .option('--json', 'one JSON object on stdout')
    .option('--verbose', 'show a stack trace for errors')
    .option('--quiet', 'say nothing but the result')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('  try: celadon --help')
    .exitOverride();
  program.hook('preAction', (_, command) => {
    expectObjects('many');
    return fetchModels(command);
  });
  for (const name of commands) (await COMMANDS[name]!())(program);
  return program;
}

/** Run the command that `args` name and tell about its failure; leaves the exit code in process.exitCode. */
export async function runCommand(args: readonly string[]): Promise<void> {
  expectObjects('few');
  try {
    const program = await createProgram(neededCommands(args));
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = reportFailure(error, args.includes('--verbose'));
  }
}

if (import.meta.main) {
  endQuietlyOnClosedPipe();
  process.on('SIGINT', () => process.exit(INTERRUPTED));
  await runCommand(process.argv.slice(2));
}
