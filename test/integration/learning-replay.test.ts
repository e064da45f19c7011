import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lockDataDirectory } from '../../src/learner/nats/server/data-directory-lock.js';
import { startEmbeddedNats } from '../../src/learner/nats/server/embedded-server.js';
import { type ReplayOptions, replayHead } from '../../src/learner/replay/replay-head.js';
import { LearnerError, type LearnerOptions } from '../../src/learner/types.js';
import { natsMissing } from '../support/nats.js';
import { runCommand } from '../support/run-command.js';
import { temporaryFolder } from '../support/test-learning.js';
import { TestLog, testDefinition } from '../support/test-log.js';

const skip = natsMissing();
const pets = testDefinition();

function optionsOf(log: TestLog, change: Partial<ReplayOptions> = {}): ReplayOptions {
  const nats = { url: log.server.url, dataDir: '/nowhere', serverBinary: null };
  return { nats, head: 'pets', log: () => {}, ...change };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => assert.fail('it was done'),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof LearnerError, String(error));
  return `${error.code}: ${error.message}`;
}

/** 90 samples and 3 acts, among entries of another head; versions after 30, 60 and 93 entries. */
async function learnedHead(t: Parameters<typeof TestLog.start>[0]) {
  const log = await TestLog.start(t);
  const other = testDefinition('other');
  await log.create(pets);
  for (let i = 1; i <= 40; i++) {
    await log.append(pets, `id-${i}`, i);
    if (i % 3 === 0) await log.append(other, `id-${i}`, i);
  }
  await log.act(pets, 'first', { kind: 'rename_class', from: 'owl', to: 'eagle' });
  await log.act(pets, 'second', { kind: 'set_learners', learners: ['sgd', 'rls'] });
  await log.act(pets, 'third', { kind: 'promote', candidate: 'rls' });
  await log.appendMany(pets, 41, 90);
  const versions = await log.storeVersions(pets, [30, 60, 93]);
  return { log, versions };
}

describe('a replay', { skip }, () => {
  it('equals each stored version on the way, to any position', async (t) => {
    const { log, versions } = await learnedHead(t);
    const progress: number[] = [];
    const whole = await replayHead(optionsOf(log, { onProgress: ({ entries }) => progress.push(entries) }));
    assert.equal(whole.outcome, 'equal');
    assert.deepEqual(whole.from, { sequence: 0, version: 0 });
    assert.deepEqual([whole.entries, whole.statistics.samples, whole.compactedTo], [93, 90, 0]);
    assert.deepEqual(
      whole.versions.map(({ version, model, state }) => [version, model, state]),
      [1, 2, 3].map((version) => [version, 'equal', 'equal']),
    );
    assert.deepEqual([whole.modelDigest, whole.stateDigest], [versions[0]?.modelDigest, versions[0]?.stateDigest]);
    assert.deepEqual(whole.stored, whole.statistics);
    assert.equal(progress.at(-1), 93);
    assert.equal(whole.statistics.champion, 'rls');

    const middle = versions[1]!;
    const part = await replayHead(optionsOf(log, { to: middle.position.sequence }));
    assert.deepEqual([part.outcome, part.versions.length, part.stored], ['equal', 2, undefined]);
    assert.deepEqual([part.modelDigest, part.stateDigest], [middle.modelDigest, middle.stateDigest]);

    const early = await replayHead(optionsOf(log, { to: 5 }));
    assert.deepEqual([early.outcome, early.versions, early.sequence], ['nothing_stored', [], 5]);
  });

  it('tells which version differs', async (t) => {
    const { log } = await learnedHead(t);
    const stored = await log.store.get('pets', 'latest');
    const versions = stored!.value.versions.map((each) =>
      each.version === 2 ? { ...each, stateDigest: '0'.repeat(64) } : each,
    );
    await log.store.compareAndSet('pets', 'latest', { ...stored!.value, versions }, stored!.revision);
    const result = await replayHead(optionsOf(log));
    assert.equal(result.outcome, 'differs');
    assert.deepEqual(
      result.versions.map(({ model, state }) => [model, state]),
      [
        ['equal', 'equal'],
        ['equal', 'differs'],
        ['equal', 'equal'],
      ],
    );
  });

  it('says what another learner would have done', async (t) => {
    const { log } = await learnedHead(t);
    const learner: LearnerOptions = { ...pets.learner, train: ['slda'], serve: 'slda' };
    const result = await replayHead(optionsOf(log, { learner }));
    assert.equal(result.outcome, 'what_if');
    assert.deepEqual(
      result.statistics.candidates.map(({ name }) => name),
      ['slda'],
      'acts that said what trains are overruled',
    );
    assert.equal(result.statistics.champion, 'slda');
    assert.deepEqual([result.statistics.samples, result.prequential.samples], [90, 89]);
    assert.ok(result.prequential.correct > 60, `${result.prequential.correct} of 89`);
    assert.equal(result.stored?.champion, 'rls');
    assert.ok(
      result.statistics.classes.some(({ name }) => name === 'eagle'),
      'other acts are followed',
    );
  });

  it('refuses what it cannot do, and says why', async (t) => {
    const { log } = await learnedHead(t);
    assert.match(await refusal(replayHead(optionsOf(log, { head: 'nobody' }))), /^head_unknown: .*'nobody'/);
    assert.match(
      await refusal(replayHead(optionsOf(log, { to: 9_999 }))),
      /^invalid_argument: --to 9999: .* ends at 106/,
    );
    const empty = { url: null, dataDir: temporaryFolder(t), serverBinary: null };
    assert.match(
      await refusal(replayHead(optionsOf(log, { nats: empty }))),
      /^invalid_argument: there are no heads in the data directory/,
    );
    const aborted = replayHead(optionsOf(log, { signal: AbortSignal.abort() }));
    assert.match(await refusal(aborted), /^head_unavailable/);
    const stored = await log.store.get('pets', 'latest');
    const versions = stored!.value.versions.map((each) => ({
      ...each,
      position: { ...each.position, streamCreated: 'once' },
    }));
    await log.store.compareAndSet('pets', 'latest', { ...stored!.value, versions }, stored!.revision);
    assert.match(await refusal(replayHead(optionsOf(log))), /^log_mismatch: version 3 .* of once/);
  });

  it('uses the embedded nats-server as it runs, or starts it', async (t) => {
    const dataDir = temporaryFolder(t);
    const nats = { url: null, dataDir, serverBinary: null };
    const options = { nats, head: 'pets', log: () => {} };
    const lock = await lockDataDirectory(dataDir);
    const server = await startEmbeddedNats({ dataDir, serverBinary: null, log: () => {} });
    t.after(() => server.stop());
    assert.match(await refusal(replayHead(options)), /^head_unknown/);
    assert.notEqual(server.pid, undefined, 'it goes on running');
    await server.stop();
    await lock.release();
    assert.match(await refusal(replayHead(options)), /^head_unknown/);
    await (await lockDataDirectory(dataDir)).release();
  });
});

describe('headwater replay', { skip }, () => {
  it('tells people and scripts, by its exit status too', async (t) => {
    const { log } = await learnedHead(t);
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'conf'));
    const config = join(folder, 'conf', 'headwater.yaml');
    writeFileSync(config, `nats: { url: "${log.server.url}" }\n`);
    const replay = (...argv: string[]) => runCommand('replay', '--head', 'pets', '--config', config, ...argv);

    const text = await replay();
    assert.equal(text.status, 0, text.err);
    assert.match(text.out, /^pets: 93 entries folded/);
    assert.match(text.out, /EQUAL, bit for bit, to 3 stored versions \(3 with the learners' state\)/);

    const json = await replay('--json', '--to', '60');
    const found = JSON.parse(json.out.trim().split('\n').at(-1) as string);
    assert.deepEqual([found.outcome, found.equal, found.samples, found.compactedTo], ['equal', true, 44, 0]);

    const learner = join(folder, 'slda.yaml');
    writeFileSync(learner, 'serve: slda\ntrain: [slda]\n');
    const whatIf = await replay('--learner', learner);
    assert.equal(whatIf.status, 0, whatIf.err);
    assert.match(whatIf.out, /of 89 samples\n.*slda serving\nas it was: .*rls serving/);

    writeFileSync(learner, 'serve: slda\ntrane: [slda]\nrls: { ridge: -1 }\n');
    const wrong = await replay('--learner', learner);
    assert.equal(wrong.status, 1);
    assert.match(wrong.err, /slda\.yaml: rls\.ridge: .*slda\.yaml: .*unknown key "trane"/);
    assert.equal((await replay('--to', '0')).status, 2);

    const stored = await log.store.get('pets', 'latest');
    const versions = stored!.value.versions.map((each) => ({ ...each, modelDigest: 'f'.repeat(64) }));
    await log.store.compareAndSet('pets', 'latest', { ...stored!.value, versions }, stored!.revision);
    const differs = await replay();
    assert.equal(differs.status, 1);
    assert.match(differs.out, /DIFFERS from 3 of 3 stored versions:\n {2}version 1 at \d+: model differs, state equal/);
    assert.ok(readFileSync(config).length > 0);
  });
});
