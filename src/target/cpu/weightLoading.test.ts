import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goldenGraph, readGolden, type GoldenCase } from '../../../test/golden.ts';
import { quantizedGraph } from '../../../test/quantizeWeights.ts';
import { bitsOf, Session } from '../../../test/session.ts';
import type { Graph, WeightSource } from '../../ir/index.ts';
import type { ImageStore, MemoryRegion } from './images/imageStore.ts';
import type { Readers } from './loading/readers.node.ts';
import { takeSlices } from './loading/slices.ts';
import { openPacker } from './panels/packer.ts';
import { INTEGER_FORMATS, PANEL_ROWS } from './panels/panelFormats.table.ts';
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

test('weights in a file are left to readers, at the places where they lie', () => {
  const graph = quantizedGraph(goldenGraph(NAME, 'naive'), 'Q8_0');
  const files: Uint8Array[] = [];
  const weights = [...graph.weights].map(([name, source]): [string, WeightSource] => {
    const { stored } = source;
    if (stored === undefined) return [name, source];
    const rows = source.shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
    files.push(Buffer.concat([Uint8Array.of(1, 2, 3), stored.readBytes(0, rows)]));
    const file = { descriptor: files.length - 1, offset: 3 };
    const readBytes = (first: number, count: number): Uint8Array<ArrayBuffer> => {
      assert.notEqual(count % PANEL_ROWS, 0, 'whole panels are for readers');
      return stored.readBytes(first, count);
    };
    return [name, { ...source, stored: { ...stored, file, readBytes } }];
  });
  const inFiles = { ...graph, weights: new Map(weights) };
  const logits = (of: Graph, readers?: Readers): Uint32Array => {
    const session = new Session(cpuTarget({ threads: 2, readers }), of);
    return bitsOf(session.feed(promptTokens, promptTokens.length));
  };
  let bytesRead = 0;
  const readers: Readers = {
    begin({ slices, progress, memories }) {
      const packer = openPacker(memories.get(0)!);
      takeSlices(slices, progress, ({ format, rowBytes, address, ...slice }) => {
        const { descriptor, offset, bytes } = slice;
        const stored = files[descriptor]!.slice(offset, offset + bytes);
        const { columns, bytes: blockBytes } = INTEGER_FORMATS[format].stored;
        const width = (rowBytes / blockBytes) * columns;
        packer.pack(format, stored, bytes / rowBytes, width, address);
        bytesRead += bytes;
      });
    },
    close() {},
  };
  assert.deepEqual(logits(inFiles, readers), logits(graph));
  assert.ok(bytesRead > 0);
});
