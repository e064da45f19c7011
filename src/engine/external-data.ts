import { constants, type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { EngineError } from './backbone.js';
import type { ExternalTensor } from './onnx/external.js';
import { quote, reasonOf } from './text.js';

/** With its weights inside, a model is one protobuf message, which ends at 2 GiB. */
const mostBytes = 2 ** 31 - 1;
/** Tensors may share values, but not so many that a small file fills the memory. */
const mostUses = 4;

/**
 * Reads the values of tensors that lie in files beside the model: exactly those bytes, once their files are known to be inside the
 * model's folder and long enough.
 *
 * @param modelBytes length of the model itself
 * @throws EngineError naming tensor and node, when a file is missing, is no plain file, lies outside, or is too short
 */
export async function readExternalData(
  model: string,
  modelBytes: number,
  tensors: readonly ExternalTensor[],
): Promise<Uint8Array[]> {
  const total = tensors.reduce((sum, { length }) => sum + length, modelBytes);
  if (!(total <= mostBytes)) {
    throw new EngineError(
      'model_unsupported',
      `${model}: with its weights it has ${total} bytes; ${mostBytes} is the limit`,
    );
  }
  // All is checked before the first byte of memory is asked for.
  const files = new Map<string, ExternalFile>();
  for (const tensor of tensors) {
    const file = files.get(tensor.location) ?? (await findBeside(model, tensor));
    files.set(tensor.location, file);
    checkRange(model, tensor, file);
  }
  const values: Uint8Array[] = [];
  for (const tensor of tensors) values.push(await readRange(model, tensor, files.get(tensor.location)!.path));
  return values;
}

interface ExternalFile {
  /** Without links. */
  readonly path: string;
  readonly size: number;
  /** Bytes that the tensors so far ask for. */
  asked: number;
}

async function findBeside(model: string, tensor: ExternalTensor): Promise<ExternalFile> {
  const { location } = tensor;
  const parts = location.split(/[\\/]/);
  if (
    location === '' ||
    location.includes('\0') ||
    isAbsolute(location) ||
    /^[\\/]|^[a-z]:/i.test(location) ||
    parts.includes('..')
  ) {
    throw refusal(model, tensor, 'which is no path inside the folder of the model');
  }
  try {
    const folder = await realpath(dirname(model));
    const path = await realpath(join(folder, location));
    const inside = relative(folder, path);
    if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
      throw refusal(model, tensor, 'which leads out of the folder of the model; put a copy of the file there');
    }
    const found = await stat(path);
    if (!found.isFile()) throw refusal(model, tensor, 'which is no plain file');
    return { path, size: found.size, asked: 0 };
  } catch (error) {
    throw error instanceof EngineError ? error : unreadable(model, tensor, error);
  }
}

function checkRange(model: string, tensor: ExternalTensor, file: ExternalFile): void {
  const { offset, length } = tensor;
  if (!(offset + length <= file.size)) {
    throw refusal(model, tensor, `which has ${file.size} bytes: bytes ${offset} to ${offset + length} are not in it`);
  }
  file.asked += length;
  if (file.asked > mostUses * file.size) {
    throw refusal(model, tensor, `which has ${file.size} bytes, of which the tensors up to here use ${file.asked}`);
  }
}

async function readRange(model: string, tensor: ExternalTensor, path: string): Promise<Uint8Array> {
  const { offset, length } = tensor;
  const values = new Uint8Array(length);
  let handle: FileHandle | undefined;
  try {
    // Should it have become a link or a pipe by now, opening it neither follows nor waits.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await handle.read(values, done, length - done, offset + done);
      if (bytesRead === 0) throw refusal(model, tensor, 'which became shorter while it was read');
      done += bytesRead;
    }
    return values;
  } catch (error) {
    throw error instanceof EngineError ? error : unreadable(model, tensor, error);
  } finally {
    await handle?.close();
  }
}

function unreadable(model: string, tensor: ExternalTensor, error: unknown): EngineError {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  const why = missing ? 'which is not there' : `which can't be read (${reasonOf(error)})`;
  return refusal(model, tensor, `${why}; put it beside the model`, error);
}

function refusal(model: string, { label, location }: ExternalTensor, why: string, cause?: unknown): EngineError {
  return new EngineError('model_unreadable', `${model}: ${label} lies in the file ${quote(location)}, ${why}`, {
    cause,
  });
}
