// node studyProcess.ts FILE MILLISECONDS [URL]
//
// The coordinator of the synthetic study, to be killed: FILE on this process, or on the workers of URL.
// A line of JSON for each step: `{"finished", "reused"}`, and `{"result"}` at the end.

import {
  inProcessEvaluator,
  queueEvaluator,
  runStudy,
  StudyStore,
} from '../../src/explore/study/index.ts';
import { createEvaluate, slowDefinition, syntheticSearch } from './syntheticStudy.ts';

const [file, milliseconds, url] = process.argv.slice(2);
const definition = slowDefinition(Number(milliseconds));
const store = StudyStore.open(file!, definition);
const evaluator =
  url === undefined
    ? inProcessEvaluator(createEvaluate(definition), 6)
    : await queueEvaluator(url, definition, { portion: 6 });
const result = await runStudy(syntheticSearch(), definition.objectives, store, evaluator, {
  onProgress: ({ finished, reused }) => console.log(JSON.stringify({ finished, reused })),
});
store.end({ evaluations: result.evaluations });
await evaluator.close();
store.close();
console.log(JSON.stringify({ result }));
