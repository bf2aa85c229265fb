/** Machine code for the kernels that matter for speed. */
export {
  adviseHugePages,
  chooseEmitter,
  machineCode,
  type Emitter,
  type EmitterChoice,
  type EmitterRequest,
} from './machineCode.ts';
export { Machine, type NativeCall } from './machine.ts';
export { withMachineCode } from './nativeKernels.ts';
export { NativeRoute } from './nativeRoute.ts';
