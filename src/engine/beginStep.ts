/** Steps on any device, without a copy of what they give: logits are 0.6 MB a row of a vocabulary of 150 thousand. */
import type { Device, Program, StepInputs, StepResult } from '../compile/index.ts';

/** As `Device.begin`; on a device that has no such thing the step runs when it is ended. */
export function beginStep(device: Device, program: Program, inputs: StepInputs): () => StepResult {
  return device.begin?.(program, inputs) ?? (() => device.run(program, inputs));
}
