/** The module that a thread of Node runs. */
import { parentPort } from 'node:worker_threads';
import { markGone } from './control.ts';
import { WorkerThread, type Letter, type Start } from './work.ts';

let worker: WorkerThread | undefined;

parentPort!.on('message', (letter: Start | Letter) => {
  if (letter.kind === 'start') {
    worker = new WorkerThread(letter);
    // The thread that has the workers may be waiting, and hears of no event.
    process.once('exit', () => markGone(letter.control, letter.thread));
  } else worker!.read(letter);
  worker!.work();
});
