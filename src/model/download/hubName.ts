/** Names of models on hubs: `hf:org/name`, with `@revision` and the path of a GGUF file if wanted. */
import { UsageError } from '../../base/index.ts';

export type HubName = 'hf' | 'ms';

export interface HubModel {
  readonly hub: HubName;
  /** `org/name`. */
  readonly repository: string;
  /** A branch, a tag or a commit; the hub's main branch when absent. */
  readonly revision?: string;
  /** The GGUF file to take, instead of a checkpoint in safetensors. */
  readonly file?: string;
}

const PREFIX = /^(hf|ms|modelscope):/;
const PART = '[A-Za-z0-9][A-Za-z0-9._-]*';
const NAME = new RegExp(`^(${PART}/${PART})(?:@([^@\\s]+?))?(?:/([^@\\s]+\\.gguf))?$`);

/** Throws UsageError for a name that starts like one and is none. */
export function parseHubName(text: string): HubModel {
  const [prefix = '', kind] = PREFIX.exec(text) ?? [];
  const [, repository, revision, file] = NAME.exec(text.slice(prefix.length)) ?? [];
  const safe = [repository, revision, file].every((part) => !part?.split('/').includes('..'));
  if (repository === undefined || !safe) {
    throw new UsageError(
      `a model of a hub must be ${kind ?? 'hf'}:ORG/NAME, with @REVISION or /FILE.gguf behind it if wanted, not ${JSON.stringify(text)}`,
      { where: '<model>', hint: 'for example hf:Qwen/Qwen3-0.6B' },
    );
  }
  return {
    hub: kind === 'hf' ? 'hf' : 'ms',
    repository,
    ...(revision !== undefined && { revision }),
    ...(file !== undefined && { file }),
  };
}
