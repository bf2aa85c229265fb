/** The process nodes that ship with Celadon (catalogue/silicon). */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { UsageError, nearestName } from '../base/index.ts';
import {
  factorsSchema,
  parseSilicon,
  publishedSchema,
  siliconNodeSchema,
  sramSchema,
  type PublishedSilicon,
  type Silicon,
} from './silicon.ts';

const FOLDER = fileURLToPath(new URL('../../catalogue/silicon/', import.meta.url));
/** Files of the folder that are no nodes. */
const OTHERS = ['sram', 'factors', 'published'];

/** One node. Throws UsageError when there is none of that name. */
export function loadSilicon(id: string): Silicon {
  const all = loadAllSilicon();
  const found = all.find(({ node }) => node.id === id);
  if (found) return found;
  const names = all.map(({ node }) => node.id);
  const near = nearestName(id, names);
  throw new UsageError(`the node must be one of ${names.join(', ')}, not ${JSON.stringify(id)}`, {
    where: '--node',
    ...(near !== undefined && { hint: `did you mean ${near}?` }),
  });
}

/** All nodes, the coarsest process first. */
export function loadAllSilicon(): Silicon[] {
  const sram = read('sram', sramSchema);
  const factors = read('factors', factorsSchema);
  const files = fs.readdirSync(FOLDER).map((file) => path.basename(file, '.json'));
  const nodes = files
    .filter((name) => !OTHERS.includes(name))
    .map((name) => read(name, siliconNodeSchema));
  return nodes
    .toSorted((a, b) => b.nanometres - a.nanometres || (a.id < b.id ? -1 : 1))
    .map((node) => ({
      node,
      sram: sram.nodes[node.id]!,
      twoPortFactor: sram.twoPorts.areaFactor,
      factors,
    }));
}

/** Published areas of other accelerators, to judge estimates by. */
export function loadPublishedSilicon(): PublishedSilicon {
  return read('published', publishedSchema);
}

function read<T>(name: string, schema: z.ZodType<T>): T {
  const file = path.join(FOLDER, `${name}.json`);
  return parseSilicon(schema, JSON.parse(fs.readFileSync(file, 'utf8')), file);
}
