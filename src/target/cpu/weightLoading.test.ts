import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goldenGraph, readGolden, type GoldenCase } from '../../../test/golden.ts';
import { quantizedGraph } from '../../../test/quantizeWeights.ts';
import { bitsOf, Session } from '../../../test/session.ts';
import { type ImageStore, type MemoryRegion } from './images/imageStore.ts';
import { cpuTarget } from './target.ts';

const NAME = 'qwen3-tiny';
const [{ promptTokens }] = readGolden(NAME) as [GoldenCase];

/** Keeps images in memory, and counts what is asked of it. */
class MemoryStore implements ImageStore {
  readonly images = new Map<string, Uint8Array>();
  loaded = 0;

  load(name: string, region: MemoryRegion): boolean {
    const image = this.images.get(name);
    if (image === undefined) return false;
    bytesOf(region).set(image);
    this.loaded++;
    return true;
  }

  save(name: string, region: MemoryRegion): void {
    this.images.set(name, bytesOf(region).slice());
  }
}

function bytesOf({ memory, address, bytes }: MemoryRegion): Uint8Array {
  return new Uint8Array(memory.buffer, address, bytes);
}

for (const format of ['f32', 'Q8_0', 'Q4_0'] as const) {
  const graph = goldenGraph(NAME, 'naive');
  const stored = format === 'f32' ? graph : quantizedGraph(graph, format);
  const run = (images?: ImageStore): Uint32Array => {
    const session = new Session(cpuTarget({ images }), stored);
    return bitsOf(session.feed(promptTokens, promptTokens.length));
  };

  test(`${format}: weights from an image give the same bits, and one prepared otherwise is not believed`, () => {
    const expected = run();
    const store = new MemoryStore();
    assert.deepEqual(run(store), expected);
    assert.equal(store.images.size, 1);
    assert.deepEqual(run(store), expected);
    assert.equal(store.loaded, 1);
    const [[name, image]] = [...store.images] as [[string, Uint8Array]];
    image.fill(1);
    assert.deepEqual(run(store), expected);
    assert.equal(store.loaded, 2);
    assert.notEqual(store.images.get(name)![0], 1);
  });
}
