/** Chips of the demonstrator's front, drawn by a seed: what `celadon explore` chose is built and measured. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Random } from '../../src/base/index.ts';
import type { Chip } from '../../src/chip/index.ts';
import { defineChipStudy, exploreChips } from '../../src/explore/index.ts';
import { openConfiguration } from '../../src/cli/configuration.ts';

const MODELS = ['qwen3-tiny', 'deepseek-v3-tiny'];
/** Room for the demo models with some to spare: the least chip that serves them has 33 mm². */
const LIMITS = { areaMm2: 60 };

/** `count` different chips of the front of the space `demonstrator`, which is searched whole. */
export async function frontChips(count: number, seed: number): Promise<Chip[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-front-'));
  const limits = path.join(folder, 'limits.json');
  fs.writeFileSync(limits, JSON.stringify(LIMITS));
  const models = MODELS.map((name) => {
    const { raw } = openConfiguration(name);
    return { name, raw, weight: 1 / MODELS.length };
  });
  const definition = await defineChipStudy({
    models,
    workload: { inputTokens: 32, outputTokens: 64, concurrency: 1 },
    limits,
    space: 'demonstrator',
    search: { name: 'exhaustive', seed, evaluations: 1 },
    objectives: undefined,
    celadon: { version: 'test', commit: null },
  });
  fs.rmSync(folder, { recursive: true });
  const { front, result } = await exploreChips(definition, { threads: 1 });
  assert.ok(result.proven, 'the front must be that of the whole space');
  return drawn(
    front.map(({ design }) => design.decode.chip),
    count,
    seed,
  );
}

function drawn<T>(all: readonly T[], count: number, seed: number): T[] {
  assert.ok(all.length >= count, `a front of ${all.length} must have ${count} chips`);
  const random = new Random(seed);
  const left = [...all];
  return Array.from({ length: count }, () => left.splice(random.int(left.length), 1)[0]!);
}
