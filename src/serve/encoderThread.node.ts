/** The other thread of `LongTexts`: reads the tokenizer of the model and encodes what it is sent. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadModel } from '../model/index.ts';

const { tokenizer } = loadModel(workerData as string);

parentPort!.on('message', (text: string) => parentPort!.postMessage(tokenizer.encode(text)));
