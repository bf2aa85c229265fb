/** Models of hubs: before a command runs, its arguments `hf:org/name` become what is on this machine. */
import type { Command } from 'commander';
import { formatBytes } from '../base/index.ts';
import { Output, type GlobalOptions } from './output.ts';

const HUB = /^(?:hf|ms|modelscope):/;

/** Downloads what the arguments MODEL of `command` name, as far as it is not here, and puts its place there. */
export async function fetchModels(command: Command): Promise<void> {
  for (const [i, argument] of command.registeredArguments.entries()) {
    const name: unknown = command.processedArgs[i];
    if (argument.name() !== 'model' || typeof name !== 'string' || !HUB.test(name)) continue;
    const output = new Output(command.optsWithGlobals<GlobalOptions>());
    command.processedArgs[i] = await fetchModel(name, output);
  }
}

async function fetchModel(name: string, output: Output): Promise<string> {
  const { downloadModel } = await import('../model/index.ts'); // other names have no need of it here
  let came = false;
  const place = await downloadModel(name, {
    environment: process.env,
    onNote: (note) => output.note(note),
    onProgress: (gotten, needed) => {
      came = true;
      output.progress(`${name}: ${formatBytes(gotten)} of ${formatBytes(needed)}`);
    },
  });
  output.done();
  if (came) output.note(`downloaded to ${place}`);
  return place;
}
