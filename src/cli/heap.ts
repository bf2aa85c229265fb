/**
 * What the process has beside weights and state.
 *
 * How much memory V8 takes for objects that are new. It gives them up to 64 MiB when many are made, as while modules are
 * loaded, and keeps most of that. Where memory is for weights they get 2 MiB; V8 looks at this number whenever it is about
 * to give more, so a running process can set it.
 */
import v8 from 'node:v8';
import vm from 'node:vm';

/** `few`: no more than they have. `many`: twice as much whenever that is too little. */
export function expectObjects(amount: 'few' | 'many'): void {
  v8.setFlagsFromString(`--semi-space-growth-factor=${amount === 'few' ? 1 : 2}`);
}

/** What V8's own collector can be asked for (its extension `gc`). */
type Collect = (options: {
  readonly type: 'major';
  readonly execution: 'sync';
  readonly flavor: 'last-resort';
}) => void;

/**
 * Gives back what opening a model has left: its file as read, programs that were lowered. As where memory runs out, so that
 * V8 also empties and returns pages of which little is in use: 15 MiB more than it does of itself. Some 50 ms, when all is ready.
 */
export function forgetOpening(): void {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as Collect;
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
