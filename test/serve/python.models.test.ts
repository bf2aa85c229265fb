/** The official Python client, where CELADON_PYTHON names a Python that has it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { serveDemo } from './testServer.ts';

const PYTHON = process.env['CELADON_PYTHON'];
const skip = PYTHON === undefined && 'needs CELADON_PYTHON, a Python with the package openai';

test('the official Python client is content', { skip }, async (t) => {
  const { url } = await serveDemo(t);
  const script = path.join(import.meta.dirname, 'conformance.py');
  const child = spawn(PYTHON!, [script, url], { stdio: 'inherit' });
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
