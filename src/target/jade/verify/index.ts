/** The design's files, its test bench, and the comparison with the simulator. */
export { allFiles, buildBench } from './bench.node.ts';
export { SessionRecorder } from './record.ts';
export { verifyPrograms } from './verify.node.ts';
