/** The module that a thread of Node runs. */
import { parentPort } from 'node:worker_threads';
import { WorkerThread, type Letter, type Start } from './work.ts';

let worker: WorkerThread | undefined;

parentPort!.on('message', (letter: Start | Letter) => {
  if (letter.kind === 'start') worker = new WorkerThread(letter);
  else worker!.read(letter);
  worker!.work();
});
