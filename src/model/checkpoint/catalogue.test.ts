import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../base/index.ts';
import { catalogueModelNames, readCatalogueModel } from './catalogue.node.ts';

test('every model of the catalogue has a checked configuration and a source', () => {
  const names = catalogueModelNames();
  assert.equal(names.length, 36);
  for (const name of names) {
    const { model, sources, totalParameters } = readCatalogueModel(name);
    assert.equal(model.family.startsWith('qwen'), name.includes('qwen')); // R1 was distilled into Qwen2
    assert.ok(sources.some((source) => source.startsWith('https://')));
    assert.ok(totalParameters !== null && totalParameters > 1e8);
  }
});

test('DeepSeek-V3 has the published shape', () => {
  const { model, totalParameters, activeParameters, releaseDate } =
    readCatalogueModel('deepseek-v3');
  assert.ok(model.family === 'deepseek_v3');
  assert.equal(model.config.n_routed_experts, 256);
  assert.equal(model.config.rope_scaling?.factor, 40);
  assert.deepEqual([totalParameters, activeParameters], [671e9, 37e9]);
  assert.equal(releaseDate, '2024-12-26');
});

test('a name that is not in the catalogue is refused with those that are', () => {
  for (const name of ['gpt-5', '../../package', '']) {
    assert.throws(
      () => readCatalogueModel(name),
      (error) => error instanceof UsageError && /one of .*qwen3-0\.6b.*, not "/.test(error.message),
    );
  }
});
