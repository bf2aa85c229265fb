/** Parts of a published checkpoint that the graph of its text model leaves out. */

/** Tensors of one part. */
export interface SkippedPart {
  /** What it is, for people. */
  readonly part: string;
  readonly tensors: number;
}

const TOWER = 'the tower that sees pictures';
/** The part that drafts need. */
export const HEADS = 'heads that predict further tokens';
const CONSTANTS = 'constants of hashes, which follow from the configuration';

/**
 * What the tensors of these names are for, if it is known: of a model with `layers` layers, those after
 * the last are heads of multi-token prediction (DeepSeek); Qwen and DeepSeek-V4 call such heads `mtp`; V4.1
 * calls the tower `vision`, and has an `aligner` and marks of pictures, `image_…`, beside it.
 */
export function skippedParts(names: readonly string[], layers: number): SkippedPart[] {
  const parts = Map.groupBy(names, (name) => partOf(name, layers));
  return [TOWER, HEADS, CONSTANTS].flatMap((part) => {
    const tensors = parts.get(part)?.length ?? 0;
    return tensors > 0 ? [{ part, tensors }] : [];
  });
}

function partOf(name: string, layers: number): string | undefined {
  if (/^(?:(?:model\.)?visual|vision|aligner)\.|^image_/.test(name)) return TOWER;
  if (name.startsWith('mtp.')) return HEADS;
  if (/\.ple_embedding\.(?:layer_multipliers|ngram_heads_\w+)$/.test(name)) return CONSTANTS;
  const layer = /^model\.layers\.(\d+)\./.exec(name)?.[1];
  return layer !== undefined && Number(layer) >= layers ? HEADS : undefined;
}

/** One line: `21 tensors of the tower that sees pictures; 15 of heads that predict further tokens`. */
export function describeSkipped(parts: readonly SkippedPart[]): string {
  return parts
    .map(({ part, tensors }, i) => `${tensors}${i === 0 ? ' tensors' : ''} of ${part}`)
    .join('; ');
}
