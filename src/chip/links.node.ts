/** What messages between chips of our own take to start (catalogue/links.json). */
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { parseFile } from './parseFile.ts';

const FILE = fileURLToPath(new URL('../../catalogue/links.json', import.meta.url));

const text = z.string().min(1);

const schema = z.strictObject({
  about: text,
  /** A small message from the memory of a chip to that of its neighbour. */
  hopSeconds: z.strictObject({
    value: z.number().positive(),
    reason: text,
    source: z.url(),
    confidence: z.enum(['measured', 'derived', 'recalled', 'assumed']),
  }),
});

export type Links = z.infer<typeof schema>;

/** Throws ChipError when the file does not follow the schema. */
export function loadLinks(): Links {
  return parseFile(schema, JSON.parse(fs.readFileSync(FILE, 'utf8')), {
    what: 'the table of links',
    where: FILE,
  });
}
