/** celadon explore-worker: evaluates designs of whatever studies a queue has, until it is interrupted. */
import type { Command } from 'commander';
import { chipEvaluator, runQueueWorker } from '../explore/index.ts';
import { wholeNumber } from './arguments.ts';
import { Output, type GlobalOptions } from './output.ts';

interface WorkerOptions extends GlobalOptions {
  readonly queue: string;
  readonly threads: number;
}
import { thisCeladon } from './version.ts';

export function addExploreWorker(program: Command): void {
  program
    .command('explore-worker')
    .description('evaluate designs for celadon explore --queue, on this machine, until interrupted')
    .requiredOption('--queue <url>', 'a Redis or Valkey server: redis://127.0.0.1:6379')
    .option('--threads <n>', 'threads', wholeNumber(1, 1024), 1)
    .action((_: unknown, command: Command) => work(command.optsWithGlobals<WorkerOptions>()));
}

async function work(options: WorkerOptions): Promise<void> {
  const output = new Output(options);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.removeAllListeners(signal);
    process.once(signal, () => stop.abort());
  }
  let designs = 0;
  output.note(`waiting for designs from ${options.queue}; interrupt to leave`);
  await runQueueWorker({
    url: options.queue,
    celadon: thisCeladon(),
    openEvaluator: (definition) => chipEvaluator(definition, options.threads),
    signal: stop.signal,
    onPortion: (points) => output.progress(`${(designs += points)} designs evaluated`),
  });
  output.done();
  if (output.json) output.result({ designs });
  else output.line(`${designs} designs evaluated`);
}
