import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeHeadFile, encodeHeadFile, type HeadFile } from '../../../../src/learner/heads/files/safetensors.js';
import { LearnerError } from '../../../../src/learner/types.js';

const PYTHON = '/usr/bin/python3';

/** Reads the format as its documentation says, with nothing of ours: header, metadata and tensors as lists. */
const READER = `
import array, json, struct, sys
data = open(sys.argv[1], 'rb').read()
(length,) = struct.unpack('<Q', data[:8])
assert length % 8 == 0 and data[8:9] == b'{'
header = json.loads(data[8:8 + length].decode('utf-8'))
result = {'metadata': header.pop('__metadata__')}
for name, entry in header.items():
    begin, end = entry['data_offsets']
    values = array.array('f', data[8 + length + begin:8 + length + end])
    if sys.byteorder == 'big': values.byteswap()
    result[name] = {'shape': entry['shape'], 'dtype': entry['dtype'], 'values': values.tolist()}
result['covered'] = max(entry['data_offsets'][1] for entry in header.values()) == len(data) - 8 - length
print(json.dumps(result))
`;

function sample(overrides: Partial<HeadFile> = {}): HeadFile {
  return {
    head: 'pets',
    version: 7,
    samples: 1234,
    classes: ['cat', 'grün "é" 犬', 'dog'],
    backbone: 'tiny',
    backboneIdentity: 'f00d',
    dimensions: 5,
    embedding: '{"size":224,"mean":[0.5,0.5,0.5]}',
    champion: 'blend',
    createdAtMs: Date.UTC(2026, 10, 23, 3, 4, 5, 678),
    weights: Float32Array.from({ length: 15 }, (_, i) => Math.fround(Math.sin(i) * 10 ** (i - 7))),
    bias: Float32Array.of(-0.25, 1e-38, 3),
    ...overrides,
  };
}

/** A file with this header (text or value) and so many bytes of data. */
function fileOf(header: unknown, dataBytes: number): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
}

interface Header {
  __metadata__: Record<string, unknown>;
  [tensor: string]: Record<string, unknown>;
}

/** The sample's header, changed. */
function damaged(change: (header: Header) => unknown): Buffer {
  const bytes = Buffer.from(encodeHeadFile(sample()));
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Header;
  const result = change(header) ?? header;
  return fileOf(result, bytes.length - 8 - length);
}

function refusal(bytes: Uint8Array): string {
  try {
    decodeHeadFile(bytes);
  } catch (error) {
    assert.ok(error instanceof LearnerError, `it threw ${(error as Error).stack}`);
    assert.equal(error.code, 'invalid_argument');
    assert.doesNotMatch(error.message, /\n/);
    return error.message;
  }
  return assert.fail('it was taken');
}

describe('the file of a head', () => {
  it('comes back as it was, from any place in memory', () => {
    const bytes = encodeHeadFile(sample());
    assert.deepEqual(decodeHeadFile(bytes), sample());
    const moved = new Uint8Array(bytes.length + 3);
    moved.set(bytes, 3);
    assert.deepEqual(decodeHeadFile(moved.subarray(3)), sample());
    assert.deepEqual(encodeHeadFile(decodeHeadFile(bytes)), bytes, 'equal heads give equal bytes');
    const bare = sample({ embedding: undefined });
    assert.deepEqual(decodeHeadFile(encodeHeadFile(bare)), bare);
  });

  it('is read by a reader that knows the format alone', { skip: !existsSync(PYTHON) && `no ${PYTHON}` }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-safetensors-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'pets.safetensors');
    writeFileSync(path, encodeHeadFile(sample()));
    const found = JSON.parse(execFileSync(PYTHON, ['-c', READER, path], { encoding: 'utf8' }));
    const { weights, bias, classes } = sample();
    assert.deepEqual(found.weights, { shape: [3, 5], dtype: 'F32', values: [...weights] });
    assert.deepEqual(found.bias, { shape: [3], dtype: 'F32', values: [...bias] });
    assert.equal(found.covered, true);
    assert.deepEqual(JSON.parse(found.metadata.classes), classes);
    assert.deepEqual(JSON.parse(found.metadata.embedding), { size: 224, mean: [0.5, 0.5, 0.5] });
    assert.equal(found.metadata.created, '2026-11-23T03:04:05.678Z');
    assert.ok(Object.values(found.metadata).every((value) => typeof value === 'string'));
  });

  it('is taken from another writer: tensors in another order, no padding', () => {
    const bytes = damaged((header) => {
      const { weights, bias, __metadata__ } = header;
      return {
        bias: { ...bias, data_offsets: [0, 12] },
        __metadata__,
        weights: { ...weights, data_offsets: [12, 72] },
      };
    });
    assert.equal(decodeHeadFile(bytes).classes.length, 3);
  });

  it('is refused when it does not tell in JSON how an image becomes an embedding', () => {
    for (const embedding of ['', '{', '[]', 'null', '3']) {
      assert.match(refusal(encodeHeadFile(sample({ embedding }))), /'embedding' is not a JSON object/);
    }
  });

  it('is refused when cut at any byte', () => {
    const bytes = encodeHeadFile(sample());
    for (let length = 0; length < bytes.length; length++) refusal(bytes.subarray(0, length));
    refusal(Buffer.concat([bytes, Buffer.alloc(1)]));
  });

  it('is refused or read, and nothing else, with any byte changed', () => {
    const bytes = encodeHeadFile(sample());
    let refused = 0;
    for (let at = 0; at < bytes.length; at++) {
      for (const value of [0x00, 0x22, 0x2d, 0x39, 0x7d, 0xff]) {
        const copy = Uint8Array.from(bytes);
        copy[at] = value;
        try {
          decodeHeadFile(copy);
        } catch (error) {
          assert.ok(error instanceof LearnerError && error.code === 'invalid_argument', `byte ${at}: ${error}`);
          refused += 1;
        }
      }
    }
    assert.ok(refused > bytes.length);
  });

  it('is refused, with a reason, when its lengths lie', () => {
    const huge = Buffer.from(encodeHeadFile(sample()));
    huge.writeBigUInt64LE(2n ** 64n - 1n);
    assert.match(refusal(huge), /18446744073709551615 bytes long/);
    assert.match(refusal(fileOf(' '.repeat((64 << 20) + 1), 0)), /at most 67108864/);
    const cases: [RegExp, (header: Header) => unknown][] = [
      [/can't take the bytes/, ({ weights }) => void Object.assign(weights!, { shape: [3, 6] })],
      [/can't take the bytes/, ({ weights }) => void Object.assign(weights!, { shape: [2 ** 50, 2 ** 50] })],
      [/can't take the bytes/, ({ weights }) => void Object.assign(weights!, { data_offsets: [60, 0] })],
      [/do not fill/, ({ bias }) => void Object.assign(bias!, { data_offsets: [0, 12] })],
      [/do not fill/, ({ bias }) => void Object.assign(bias!, { data_offsets: [56, 68] })],
      [/do not fill/, ({ bias }) => void Object.assign(bias!, { data_offsets: [2 ** 52, 2 ** 52 + 12] })],
      [/no data_offsets/, ({ bias }) => void Object.assign(bias!, { data_offsets: [-1, 11] })],
      [/no data_offsets/, ({ bias }) => void Object.assign(bias!, { data_offsets: [0.5, 12.5] })],
      [/no data_offsets/, ({ bias }) => void Object.assign(bias!, { data_offsets: { 0: 0, 1: 12 } })],
      [/which is none/, ({ bias }) => void Object.assign(bias!, { shape: [1, 1, 3] })],
      [/which is none/, ({ bias }) => void Object.assign(bias!, { shape: ['3'] })],
      [/dtype "F16"/, ({ bias }) => void Object.assign(bias!, { dtype: 'F16' })],
      [/the metadata says \[3, 5\]/, ({ weights }) => void Object.assign(weights!, { shape: [5, 3] })],
      [/the metadata says \[3, 4\]/, ({ __metadata__ }) => void Object.assign(__metadata__, { dimensions: '4' })],
      [/dimensions' is 0/, ({ __metadata__ }) => void Object.assign(__metadata__, { dimensions: '0' })],
      [/no tensor 'bias'/, ({ weights, __metadata__ }) => ({ weights, __metadata__ })],
      [/a tensor "more"/, (header) => ({ ...header, more: header.bias })],
    ];
    for (const [expected, change] of cases) assert.match(refusal(damaged(change)), expected);
  });

  it('is refused, with a reason, when it is something else', () => {
    for (const text of ['', 'no json', '[]', 'null', '7', '"{}"', '{"a":', '\u{feff}{}', '['.repeat(100_000)]) {
      assert.match(refusal(fileOf(text, 72)), /its header is not/);
    }
    assert.match(refusal(fileOf(Buffer.from([0x7b, 0xff, 0x7d]).toString('latin1'), 0)), /no tensor|not JSON/);
    assert.match(refusal(damaged(({ weights, bias }) => ({ weights, bias }))), /not a head that Headwater exported/);
    assert.match(
      refusal(damaged(({ weights, bias }) => ({ weights, bias, __metadata__: { format: 'pt' } }))),
      /format/,
    );
    const metadata = (change: Record<string, unknown>) =>
      damaged((header) => void Object.assign(header.__metadata__, change));
    assert.match(refusal(metadata({ format_version: '2' })), /format version is "2"/);
    assert.match(refusal(metadata({ champion: 'oracle' })), /"oracle"/);
    assert.match(refusal(metadata({ created: 'now' })), /'created'/);
    assert.match(refusal(metadata({ samples: '-1' })), /'samples'/);
    assert.match(refusal(metadata({ samples: 5 })), /no text 'samples'/);
    assert.match(refusal(metadata({ version: '99999999999999999' })), /'version'/);
    assert.match(refusal(metadata({ classes: '{"0":"a"}' })), /not a JSON list/);
    assert.match(refusal(metadata({ classes: '["a","b","a"]' })), /"a" is there twice/);
    assert.match(refusal(metadata({ classes: '["a","b","x\\u0007"]' })), /control characters/);
    assert.match(refusal(metadata({ classes: '["a","b",3]' })), /class 2/);
    assert.match(refusal(metadata({ classes: '["a","b","e\\u0301"]' })), /NFC/);
    assert.match(refusal(metadata({ classes: '["a","b"]' })), /the metadata says \[2, 5\]/);
  });

  it('is refused when a value is not finite', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const bytes = encodeHeadFile(sample({ bias: Float32Array.of(0, value, 0) }));
      assert.match(refusal(bytes), /tensor 'bias' holds (NaN|Infinity) at 1/);
    }
  });

  it('is not made of parts that do not fit', () => {
    assert.throws(() => encodeHeadFile(sample({ dimensions: 4 })), { code: 'invalid_argument' });
  });
});
