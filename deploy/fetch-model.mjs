// How a backbone reaches a pod: an init container runs this with an address and a checksum.
//
//   node fetch-model.mjs URL SHA256 FILE
//
// A file that is there with the right checksum is kept; anything else is fetched beside it, checked, and only then given its name,
// so that the server never sees half a model, or another one than was meant.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const ATTEMPTS = 5;

async function digestOf(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function fetchOnce(url, file) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`it answers ${answer.status} ${answer.statusText}`);
  await pipeline(Readable.fromWeb(answer.body), createWriteStream(file));
}

async function fetchModel(url, sha256, file) {
  if (existsSync(file) && (await digestOf(file)) === sha256) return console.log(`${file} is there already`);
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.partial`;
  for (let attempt = 1; ; attempt++) {
    try {
      await fetchOnce(url, partial);
      break;
    } catch (error) {
      rmSync(partial, { force: true });
      if (attempt === ATTEMPTS) throw new Error(`${url} can't be fetched: ${error.cause?.message ?? error.message}`);
      await new Promise((resolve) => setTimeout(resolve, 1000 * attempt));
    }
  }
  const found = await digestOf(partial);
  if (found !== sha256) {
    rmSync(partial);
    throw new Error(`${url} has the sha256 ${found}, expected ${sha256}: another file than the one that was meant`);
  }
  renameSync(partial, file);
  console.log(`${file} fetched`);
}

const [url, sha256, file] = process.argv.slice(2);
if (file === undefined || !/^[0-9a-f]{64}$/.test(sha256)) {
  console.error('usage: node fetch-model.mjs URL SHA256 FILE (the checksum: 64 hexadecimal digits)');
  process.exitCode = 2;
} else {
  await fetchModel(url, sha256, file).catch((error) => {
    console.error(`fetch-model: ${error.message}`);
    process.exitCode = 1;
  });
}
