// The live page's own files, read once: small, and the same for everyone.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packageFolder } from '../package-folder.js';
import { StartError } from '../start-error.js';
import type { Answer } from './answer.js';

/** In src/server/page. */
const OWN = [
  'act-on-head.js',
  'api.js',
  'app.js',
  'charts.js',
  'classify.js',
  'dom.js',
  'engine.js',
  'events.js',
  'format.js',
  'head.js',
  'heads.js',
  'history.js',
  'icon.svg',
  'session.js',
  'span.js',
  'style.css',
  'traffic.js',
] as const;
/** In the package uplot, served under these names. Its licence stands at the script's beginning, and beside it. */
const UPLOT = {
  'uPlot.js': 'dist/uPlot.iife.min.js',
  'uPlot.css': 'dist/uPlot.min.css',
  'uPlot-LICENSE.txt': 'LICENSE',
};
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

/** Scripts, styles and requests of this server only; pictures also from memory (one that was dropped into the page). No markup from text. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob:",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

interface File {
  readonly plain: Buffer;
  readonly zipped: Buffer;
  readonly type: string;
}

export class PageFiles {
  private readonly files = new Map<string, File>();
  private readonly index: File;
  /** Begins with a digest of all files: a new version is another address, so each may be kept for ever. */
  private readonly prefix: string;

  /** @throws StartError when one is missing */
  constructor(folder = join(packageFolder(), 'src', 'server', 'page')) {
    const uplot = createRequire(import.meta.url)
      .resolve('uplot/package.json')
      .replace(/package\.json$/, '');
    const digest = createHash('sha256');
    const take = (name: string, path: string) => {
      const plain = read(path);
      digest.update(`${name}\0`).update(plain);
      this.files.set(name, fileOf(plain, TYPES[extname(name)] as string));
    };
    for (const name of OWN) take(name, join(folder, name));
    for (const [name, path] of Object.entries(UPLOT)) take(name, join(uplot, path));
    this.prefix = `/page/${digest.digest('hex').slice(0, 16)}/`;
    const index = read(join(folder, 'index.html')).toString('utf8').replaceAll('%FILES%/', this.prefix);
    this.index = fileOf(Buffer.from(index), 'text/html; charset=utf-8');
  }

  /** @param acceptEncoding as the request has it. @returns undefined: there is no such file */
  answer(path: string, acceptEncoding: string | undefined): Answer | undefined {
    const zip = /\bgzip\b/.test(acceptEncoding ?? '');
    if (path === '/') return sent(this.index, zip, { 'content-security-policy': PAGE_POLICY });
    const file = path.startsWith(this.prefix) ? this.files.get(path.slice(this.prefix.length)) : undefined;
    return file && sent(file, zip, { 'cache-control': 'public, max-age=31536000, immutable' });
  }
}

function sent({ plain, zipped, type }: File, zip: boolean, headers: Record<string, string>): Answer {
  const encoding: Record<string, string> = zip ? { 'content-encoding': 'gzip' } : {};
  return {
    status: 200,
    type,
    body: zip ? zipped : plain,
    headers: { ...headers, ...encoding, vary: 'accept-encoding' },
  };
}

function fileOf(plain: Buffer, type: string): File {
  return { plain, zipped: gzipSync(plain, { level: 9 }), type };
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new StartError(`the live page: ${(error as Error).message}; install headwater again`, { cause: error });
  }
}
