import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, memorySource } from '../../base/index.ts';
import type { ByteSource } from '../../base/index.ts';
import { encodeSafetensors } from './encodeSafetensors.ts';
import { readSafetensorsHeader } from './safetensors.ts';

type Header = Record<string, unknown>;

/** A file with any header and so many bytes of data. */
function fileOf(header: Header | string, dataBytes: number): ByteSource {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return memorySource('w.safetensors', bytes);
}

function entry(dtype: string, shape: readonly number[], begin: number, end: number): Header {
  return { dtype, shape, data_offsets: [begin, end] };
}

function refuses(source: ByteSource, message: RegExp, where = 'w.safetensors'): void {
  assert.throws(
    () => readSafetensorsHeader(source),
    (error) => {
      assert.ok(error instanceof FormatError, String(error));
      assert.match(error.message, message);
      assert.equal(error.where, where);
      return true;
    },
  );
}

test('a header gives each tensor its place in the file', () => {
  const header = {
    __metadata__: { format: 'pt' },
    b: entry('F32', [2], 4, 12),
    a: entry('BF16', [1, 2], 0, 4),
    scalar: entry('U8', [], 12, 13),
    empty: entry('F16', [0, 5], 13, 13),
  };
  const tensors = readSafetensorsHeader(fileOf(header, 13));
  const dataStart = 8 + JSON.stringify(header).length;
  assert.deepEqual([...tensors.keys()], ['b', 'a', 'scalar', 'empty']);
  const { source: _, ...b } = tensors.get('b')!;
  assert.deepEqual(b, { name: 'b', dtype: 'F32', shape: [2], offset: dataStart + 4, sizeBytes: 8 });
  assert.equal(tensors.get('scalar')?.sizeBytes, 1);
});

test('what the writer encodes the reader finds', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6);
  const file = encodeSafetensors([
    { name: 'x', dtype: 'U8', shape: [2], bytes: bytes.subarray(0, 2) },
    { name: 'y', dtype: 'F16', shape: [2], bytes: bytes.subarray(2) },
  ]);
  const tensors = readSafetensorsHeader(memorySource('w.safetensors', file));
  const { source, offset, sizeBytes } = tensors.get('y')!;
  assert.deepEqual([...source.read(offset, sizeBytes)], [3, 4, 5, 6]);
  assert.equal((offset - 2) % 8, 0);
});

test('only the header is read, whatever the size of the file', () => {
  const header = JSON.stringify({ x: entry('U8', [1e10], 0, 1e10) });
  const small = fileOf(header, 0);
  let bytesRead = 0;
  const large: ByteSource = {
    ...small,
    sizeBytes: small.sizeBytes + 1e10,
    read: (offset, length) => {
      bytesRead += length;
      return small.read(offset, length);
    },
  };
  assert.equal(readSafetensorsHeader(large).get('x')?.sizeBytes, 1e10);
  assert.equal(bytesRead, 8 + header.length);
});

test('a file too short for its header is refused', () => {
  refuses(memorySource('w.safetensors', new Uint8Array(5)), /must have 8 bytes or more, not 5/);
  const whole = fileOf({ x: entry('U8', [1], 0, 1) }, 1);
  const cut = memorySource('w.safetensors', whole.read(0, 20));
  refuses(cut, /the header must have at most 12 bytes, not \d+/);
});

test('an absurd header length is refused without allocating it', () => {
  const bytes = new Uint8Array(64);
  new DataView(bytes.buffer).setBigUint64(0, 2n ** 60n, true);
  refuses(memorySource('w.safetensors', bytes), /at most 56 bytes, not 1152921504606846976/);
});

test('a header that is not a JSON object is refused', () => {
  refuses(fileOf('{"x": ', 0), /content must be JSON: /);
  refuses(fileOf('[1, 2]', 0), /must be a JSON object, not \[1, 2\]/);
  const notUtf8 = fileOf('{"\u00e9": 1}', 0).read(0, 17);
  notUtf8[10] = 0xff;
  refuses(memorySource('w.safetensors', notUtf8), /text in UTF-8, not other bytes/);
});

test('an entry with wrong fields is refused with all of them', () => {
  const where = 'tensor x in w.safetensors';
  refuses(fileOf({ x: 5 }, 0), /^content must be an object, not 5$/, where);
  const broken = { dtype: 'Q9', shape: [2, -1, 1.5], data_offsets: [0] };
  refuses(
    fileOf({ x: broken }, 0),
    /^dtype must be one of .*, not "Q9"; shape\.1 must be a non-negative integer, not -1; shape\.2 .* not 1\.5; data_offsets must be two offsets, not \[0\]$/,
    where,
  );
});

test('a length that is not that of the shape is refused', () => {
  const where = 'tensor x in w.safetensors';
  refuses(fileOf({ x: entry('F32', [2, 2], 0, 12) }, 12), /must take 16 bytes, not 12/, where);
  refuses(fileOf({ x: entry('F32', [1], 4, 0) }, 4), /must take 4 bytes, not -4/, where);
  const overflow = [2 ** 40, 2 ** 40];
  refuses(
    fileOf({ x: entry('U8', overflow, 0, 8) }, 8),
    /must take 1\.2\d+e\+24 bytes, not 8/,
    where,
  );
});

test('overlaps, holes and data beyond the end are refused', () => {
  const where = 'tensor b in w.safetensors';
  const a = entry('U8', [4], 0, 4);
  refuses(fileOf({ a, b: entry('U8', [4], 3, 7) }, 7), /must start at byte 4, .* not at 3;/, where);
  refuses(fileOf({ a, b: entry('U8', [4], 5, 9) }, 9), /must start at byte 4, .* not at 5;/, where);
  refuses(fileOf({ a }, 3), /the file must have \d+ bytes, not \d+/);
  refuses(fileOf({ a }, 5), /the file must have \d+ bytes, not \d+/);
  refuses(
    fileOf({ a: entry('U8', [4], 1, 5) }, 5),
    /must start at byte 0/,
    'tensor a in w.safetensors',
  );
});

test('names of JavaScript objects are names like others', () => {
  const json = '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
  assert.deepEqual([...readSafetensorsHeader(fileOf(json, 1)).keys()], ['__proto__']);
});
