/**
 * Serves the repository to a browser, on loopback, cross-origin isolated: TypeScript without its types,
 * packages by their files, and modules that need Node (`*.node.ts`) as those for browsers (`*.browser.ts`)
 * or, where there are none, as ones whose exports throw.
 */
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';
import { root } from '../../scripts/tree.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.ts': 'text/javascript',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.cjs': 'text/javascript',
  '.html': 'text/html',
  '.json': 'application/json',
};

/** Packages that the library imports: workers know no import maps. */
const PACKAGES: Readonly<Record<string, string>> = {
  zod: '/node_modules/zod/index.js',
  '@huggingface/jinja': '/node_modules/@huggingface/jinja/dist/index.js',
  '@huggingface/tokenizers': '/node_modules/@huggingface/tokenizers/dist/tokenizers.mjs',
};

/** What memory that threads share takes, https://web.dev/articles/coop-coep. */
const ISOLATED = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** The origin of a server on a free port, and how to end it. */
export async function serveRepository(): Promise<{ origin: string; close: () => void }> {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://127.0.0.1');
    const file = path.join(root, path.normalize(decodeURIComponent(pathname)));
    const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
    if (!fs.existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': type, ...ISOLATED }).end(contentOf(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, close: () => server.close() };
}

function contentOf(file: string): string | Buffer {
  if (!file.endsWith('.ts')) return fs.readFileSync(file);
  const source = stripTypeScriptTypes(fs.readFileSync(file, 'utf8')).replaceAll(
    / from '([^.'][^']*)'/g,
    (whole, name: string) => (name in PACKAGES ? ` from '${PACKAGES[name]}'` : whole),
  );
  if (!file.endsWith('.node.ts')) return source;
  const twin = file.replace(/\.node\.ts$/, '.browser.ts');
  return fs.existsSync(twin) ? contentOf(twin) : withoutNode(source, path.basename(file));
}

/** The same exports, which say when they are called that they are not for browsers. */
function withoutNode(source: string, file: string): string {
  const names = [...source.matchAll(/^export (?:async )?(?:function\*?|const|class) (\w+)/gm)];
  return names
    .map(
      ([, name]) =>
        `export function ${name}() { throw new Error('${name} of ${file} needs Node'); }`,
    )
    .join('\n');
}
