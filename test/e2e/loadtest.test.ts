// The load test itself, end to end: a real server with the small model, real processes; short, and no time is asserted.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Report } from '../../loadtest/report/report.js';
import { ROOT } from '../support/repository.js';

const COMMAND = fileURLToPath(new URL('../../loadtest/loadtest.js', import.meta.url));
const TIMEOUT = 240_000;
const skip = existsSync(join(ROOT, 'models/tiny_acdc90.onnx')) ? false : 'no models/tiny_acdc90.onnx';
const folder = mkdtempSync(join(tmpdir(), 'headwater-loadtest-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  readonly code: number | null;
  readonly err: string;
  readonly report: Report;
  readonly page: string;
}

async function loadtest(name: string, ...args: string[]): Promise<Run> {
  const out = join(folder, name);
  const options = ['--model', 'tiny', '--no-pin', '--out', out, '--json', ...args];
  const child = spawn(process.execPath, [COMMAND, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  assert.notEqual(stdout, '', err);
  const page = readdirSync(out).find((file) => file.endsWith('.html')) ?? '';
  return { code, err, report: JSON.parse(stdout) as Report, page: readFileSync(join(out, page), 'utf8') };
}

test('steady: every request is accounted for, and the exit status says whether promises were kept', {
  skip,
  timeout: TIMEOUT,
}, async () => {
  const { code, err, report, page } = await loadtest('steady', '--scenario', 'steady', '--scale', '0.05', '--check');
  const [entry] = report.entries;
  const phases = entry?.load?.phases ?? [];
  assert.deepEqual(
    phases.map(({ name, target }) => [name, target]),
    [
      ['constant', 'Headwater'],
      ['poisson', 'Headwater'],
    ],
  );
  for (const { counts, samples, server } of phases) {
    for (const { offered, outcomes } of counts) {
      assert.ok(offered > 0);
      assert.equal(outcomes.ok + outcomes.refused + outcomes.expired + outcomes.failed, offered);
      assert.equal(outcomes.failed, 0, err);
    }
    assert.ok(samples.some(({ residentBytes }) => residentBytes > 0));
    assert.ok((server?.codes.OK ?? 0) > 0);
    assert.ok(Number.isFinite(server?.overheadMedian) && Number.isFinite(server?.eventLoopP99));
  }
  const broken = entry?.verdicts.filter(({ kept }) => !kept) ?? [];
  assert.equal(code, broken.length > 0 ? 1 : 0);
  assert.equal(err.split('\n').filter((line) => line.startsWith('broken: ')).length, broken.length);
  assert.match(page, /<h2>steady<\/h2>/);
});

test('overload: what is not answered is refused or expires; nothing fails', { skip, timeout: TIMEOUT }, async () => {
  const { code, err, report } = await loadtest('overload', '--scenario', 'overload', '--scale', '0.1');
  assert.equal(code, 0, err);
  const load = report.entries[0]?.load;
  const [count] = load?.phases.find(({ name }) => name === 'overload')?.counts ?? [];
  assert.ok(count);
  const { ok, refused, expired, failed } = count.outcomes;
  assert.equal(ok + refused + expired + failed, count.offered);
  assert.equal(failed, 0, JSON.stringify(count.problems));
  assert.ok(refused + expired > 0, 'three times the capacity, and everything was answered');
  assert.equal(load?.exit, 0);
  assert.equal(load?.rest.after.queueDepth, 0);
});
