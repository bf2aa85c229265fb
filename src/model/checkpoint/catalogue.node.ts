/** Published models known by name, from their configuration alone: catalogue/models/NAME.json. */
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { UsageError } from '../../base/index.ts';
import { integer, requireSchema } from '../../schema/index.ts';
import type { JsonRecord } from '../../base/index.ts';
import { parseModelConfig } from './config.ts';
import type { ModelConfig } from './config.ts';
import { readJsonFile } from './json.node.ts';

/** A model of the catalogue: its config.json and what its makers publish about it. */
export interface CatalogueModel {
  readonly name: string;
  /** Fields of config.json beside those of the catalogue. */
  readonly raw: JsonRecord;
  readonly model: ModelConfig;
  /** As published, rounded by the publisher; null where unknown. */
  readonly totalParameters: number | null;
  readonly activeParameters: number | null;
  readonly releaseDate: string | null;
  /** Where the numbers come from. */
  readonly sources: readonly string[];
}

const FOLDER = fileURLToPath(new URL('../../../catalogue/models/', import.meta.url));
const SUFFIX = '.json';

const parameters = integer(0, 1e15).nullish();
const PUBLISHED = z.object({
  total_params: parameters,
  active_params: parameters,
  release_date: z.string('a date').nullish(),
  source: z.array(z.string('a text'), 'a list of texts'),
});

/** Names of the catalogue's models, sorted. */
export function catalogueModelNames(): string[] {
  const files = fs.readdirSync(FOLDER).filter((file) => file.endsWith(SUFFIX));
  return files.map((file) => file.slice(0, -SUFFIX.length)).toSorted();
}

/** Read a model of the catalogue. Throws UsageError when it has no such name. */
export function readCatalogueModel(name: string): CatalogueModel {
  const names = catalogueModelNames();
  if (!names.includes(name)) {
    throw new UsageError(
      `the model must be one of ${names.join(', ')}, not ${JSON.stringify(name)}`,
    );
  }
  const where = `catalogue/models/${name}${SUFFIX}`;
  const raw = readJsonFile(FOLDER, `${name}${SUFFIX}`);
  const published = requireSchema(PUBLISHED, raw, where);
  return {
    name,
    raw,
    model: parseModelConfig(raw, where),
    totalParameters: published.total_params ?? null,
    activeParameters: published.active_params ?? null,
    releaseDate: published.release_date ?? null,
    sources: published.source,
  };
}
