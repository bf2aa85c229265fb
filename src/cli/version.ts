/** Which Celadon this is, as studies and their workers know each other by. */
import { fileURLToPath } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };
import { findCommit, type StudyDefinition } from '../explore/index.ts';

/** The commit is null where there is no repository, as in a published package. */
export function thisCeladon(): StudyDefinition['celadon'] {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  return { version: packageJson.version, commit: findCommit(root) };
}
