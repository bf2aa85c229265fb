/** The module that a worker of a page runs. */
import { WorkerThread, type Letter, type Start } from './work.ts';

type OnLetter = (event: { readonly data: Start | Letter }) => void;

let worker: WorkerThread | undefined;

(globalThis as unknown as { onmessage: OnLetter }).onmessage = ({ data }) => {
  if (data.kind === 'start') worker = new WorkerThread(data);
  else worker!.read(data);
  worker!.work();
};
