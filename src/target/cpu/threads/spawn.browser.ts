/** Workers as those of a page, which must be cross-origin isolated. */
import type { Letter, Start } from './work.ts';

interface WebWorker {
  onerror: (() => void) | null;
  postMessage(letter: Start | Letter): void;
  terminate(): void;
}
type WorkerOf = new (url: URL, options: { readonly type: 'module' }) => WebWorker;

/** A worker that waits for letters; `onExit` hears of an error that it did not expect. */
export function spawnWorker(onExit: () => void) {
  const { Worker } = globalThis as unknown as { readonly Worker: WorkerOf };
  const worker = new Worker(new URL('./worker.browser.ts', import.meta.url), { type: 'module' });
  worker.onerror = onExit;
  return {
    post: (letter: Start | Letter) => worker.postMessage(letter),
    end: () => worker.terminate(),
  };
}
