/** A thread of the benchmark of machine code: says that it is ready, waits for the start, does its part, says so. */
import { parentPort, workerData } from 'node:worker_threads';
import { Runner, type Task } from './runner.ts';

const { memory, part, parts } = workerData;
const control: Int32Array<SharedArrayBuffer> = workerData.control;
const runner = new Runner(memory, part, parts);

parentPort!.on('message', (task: Task) => {
  Atomics.add(control, 0, 1);
  while (Atomics.load(control, 0) !== 0);
  control[2 + part] = runner.microseconds(task);
  Atomics.add(control, 1, 1);
});
parentPort!.postMessage('ready');
