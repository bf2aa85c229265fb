/** Workers as threads of Node. */
import { Worker } from 'node:worker_threads';
import type { Letter, Start } from './work.ts';

export interface WorkerHandle {
  post(letter: Start | Letter): void;
  end(): void;
}

/** A worker makes next to no garbage, and would keep what room it is given for that. */
const YOUNG_MIB = 4;

/** A worker that waits for letters; it does not keep the process alive. `onExit` hears of its end. */
export function spawnWorker(onExit: () => void): WorkerHandle {
  const worker = new Worker(new URL('./worker.node.ts', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
  });
  worker.unref();
  // Without it the others do its work.
  worker.on('error', (error) => process.emitWarning(String(error)));
  worker.on('exit', onExit);
  return {
    post: (letter) => worker.postMessage(letter),
    end: () => void worker.terminate(),
  };
}
