/**
 * Efficiency: what the machines of a class reach of their published rates, and what they lose to start
 * things. One file a class in `catalogue/efficiency/`; every number has a reason and a source.
 *
 * The numbers are of single kernels and links, measured apart from any model: none is fitted to a
 * served model.
 */
import { z } from 'zod';
import { parseFile } from './parseFile.ts';

const text = z.string().min(1);

/** measured: as published by who measured; derived: from measurements by arithmetic that is given; recalled: from memory of a public document; assumed: a round number. */
const confidence = z.enum(['measured', 'derived', 'recalled', 'assumed']);

function factor(value: z.ZodType<number>) {
  return z.strictObject({ value, reason: text, source: z.url().nullable(), confidence });
}

const share = factor(z.number().positive().max(1));
const seconds = factor(z.number().nonnegative());
const positive = factor(z.number().positive());

const schema = z.strictObject({
  id: text,
  about: text,
  /** Ids in catalogue/accelerators; none: the class of every chip that is in no other. */
  chips: z.array(text),
  /** Of the peak, that a large matrix product reaches. */
  matrix: share,
  /** Of the peak, that fused attention reaches on a few tokens of many sequences. */
  attention: share,
  /** The same on whole prompts, half of whose products a causal mask leaves out. */
  promptAttention: share,
  /** The same in the backward pass of training. */
  backwardAttention: share,
  /** Of the memory bandwidth, that a long read reaches. */
  memory: share,
  /** Of the bandwidth of a link, that a large transfer reaches. */
  link: share,
  /** From the end of a tile's products to the start of the next, of the highest tile of a core. */
  tileSeconds: seconds,
  /** From the end of a kernel to the first work of the next, with its own ramp. */
  kernelSeconds: seconds,
  /** Between two steps: sampling, what the next step reads, kernels that the host starts one by one. */
  stepSeconds: seconds,
  /** All ranks of a group meet: a small all-reduce. */
  meetingSeconds: seconds,
  /** Sending each token to its experts, or back, with the least of bytes. */
  exchangeSeconds: seconds,
  /** Of the cores, that move data while an exchange hides behind kernels. */
  exchangeCores: factor(z.number().nonnegative().lt(1)),
  /** Rows and columns of the tile that a core computes. */
  tile: z.strictObject({
    rows: z.array(z.int().positive()).min(1),
    columns: z.int().positive(),
    /** Field of `microarchitecture` that counts the cores. */
    cores: text,
    reason: text,
  }),
  /** Chips of one machine, where links of the scale-up domain join no more. */
  scaleOutBytesPerSecond: positive,
  /** Of the memory, that is not for weights, state and buffers. */
  reservedBytes: positive,
});

export type Efficiency = z.infer<typeof schema>;
export type EfficiencyFactor = Exclude<keyof Efficiency, 'id' | 'about' | 'chips' | 'tile'>;

/** Validates a file of catalogue/efficiency. Throws ChipError listing every problem. */
export function parseEfficiency(value: unknown, where: string): Efficiency {
  return parseFile(schema, value, { what: 'a class of efficiencies', where });
}
