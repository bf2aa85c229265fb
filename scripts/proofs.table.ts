/**
 * Which test proves a cell of the table of families in docs/support.md. familySupport.ts refuses a test
 * that is not in its file; titles are as the source has them, with `${…}` where a name is put in.
 */
import type { Family } from '../src/model/index.ts';

export interface Test {
  readonly file: string;
  readonly title: string;
}

/** Runs whole models in this format on these targets. */
export interface ModelProof extends Test {
  readonly formats: readonly string[];
  readonly targets: readonly string[];
  /** Every family with a checkpoint in test/golden when absent. */
  readonly families?: readonly Family[];
}

export const PLAIN = 'BF16, F16, F32';
export const GGUF = 'GGUF';

const FAMILIES = 'test/families.test.ts';

export const MODEL_PROOFS: readonly ModelProof[] = [
  {
    formats: [PLAIN],
    targets: ['reference'],
    file: FAMILIES,
    title: '${name}: the reference gives the logits of ${judgeOf(name)} at every position',
  },
  {
    formats: [PLAIN],
    targets: ['cpu'],
    file: FAMILIES,
    title:
      '${name} on cpu: the logits of transformers, and the same bits however the prompt is cut',
  },
  {
    formats: [PLAIN],
    targets: ['jade'],
    file: FAMILIES,
    title: '${name} on jade: chip and interpreter give the same bits, however the prompt is cut',
  },
  {
    formats: ['fp8'],
    families: ['deepseek_v3'],
    targets: ['reference'],
    file: 'test/golden.test.ts',
    title: "${model} (${attention}): the first tokens and the logits of one prompt are PyTorch's",
  },
  {
    formats: ['fp8'],
    families: ['deepseek_v3'],
    targets: ['cpu'],
    file: 'src/target/cpu/generation.test.ts',
    title: '${name}: logits are those of the judge, and the first tokens those of PyTorch',
  },
  {
    formats: ['fp8'],
    families: ['deepseek_v3'],
    targets: ['jade'],
    file: 'test/jade.test.ts',
    title: '${name} on ${chipName}: chip and interpreter give the same bits, prompt and decode',
  },
  {
    formats: [GGUF],
    families: [
      'qwen2',
      'qwen3',
      'qwen3_moe',
      'qwen3_next',
      'qwen3_5',
      'qwen3_5_moe',
      'deepseek_v2',
      'deepseek_v3',
      'deepseek_v32',
      'deepseek_v4',
    ],
    targets: ['reference', 'cpu', 'jade'],
    file: 'test/ggufFamilies.test.ts',
    title: '${file}.gguf: the weights of ${folder}, and with them its logits on each target',
  },
  {
    formats: ['fp8', 'awq', 'gptq', 'compressed-tensors', 'modelopt', 'quark', 'ascend'],
    targets: ['reference', 'cpu', 'jade'],
    file: 'test/stored.test.ts',
    title:
      '${name} in ${writer.name}: the weights of the definition, and with them the logits on each target',
  },
];
