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

/** Gives back what opening a model has left: its file as read, programs that were lowered. Some 30 ms, after first tokens. */
export function forgetOpening(): void {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  collect();
}
