/** `check` of chips whose target can be asked itself. */
import type { CheckReport, CheckRequest } from './check.ts';
import type { ModelFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { memoryUse, settingsThatFit } from './memory.ts';
import type { Formats, WeightFormat } from './precision.ts';

const LOWERED: Finding = {
  about: 'operator',
  subject: 'all',
  status: 'native',
  text: 'every operator has a lowering',
  basis: 'target.supports',
  url: null,
};

/** A chip whose target can be asked itself: what it refuses, and the format that it keeps weights in. */
export interface OwnChip {
  readonly name: string;
  readonly capacityBytes: number;
  readonly weightFormat: WeightFormat;
  readonly refusals: readonly Finding[];
}

/** The answer for one chip of ours; all of its memory is the program's. */
export function checkOwnChip(facts: ModelFacts, chip: OwnChip, request: CheckRequest): CheckReport {
  const { capacityBytes, weightFormat: each } = chip;
  const formats: Formats = {
    experts: each,
    matrices: each,
    ngrams: 'bf16',
    embeddings: 'bf16',
    vectors: 'bf16',
  };
  const layout = { tensor: 1, pipeline: 1, data: 1, expert: 1 };
  const used = memoryUse(facts, formats, layout, request);
  const fits = used.totalBytes <= capacityBytes;
  const settings = settingsThatFit(facts, formats, layout, request, capacityBytes);
  const { refusals } = chip;
  return {
    ...request,
    model: facts.name,
    family: facts.family,
    chip: chip.name,
    stack: 'celadon',
    formats,
    computes: null,
    verdict: refusals.length > 0 ? 'unsupported' : fits ? 'runs' : 'does not fit',
    count: 1,
    devices: 1,
    layout,
    memory: { ...used, capacityBytes, usableBytes: capacityBytes, fits },
    settings,
    alternatives: [],
    storedBytes: facts.storedBytes,
    findings: refusals.length > 0 ? refusals : [LOWERED],
    otherStacks: [],
  };
}
