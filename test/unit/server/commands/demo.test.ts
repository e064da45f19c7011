import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { demoConfig, freshDemoFolder } from '../../../../src/server/commands/demo/demo-folder.js';
import { imageSettings } from '../../../../src/server/commands/demo/demo-options.js';
import { drawImage, drawnClasses } from '../../../../src/server/commands/demo/draw.js';
import { drawnImages } from '../../../../src/server/commands/demo/drawn-images.js';
import { readHeadMetrics } from '../../../../src/server/commands/demo/head-metrics.js';
import { AccuracyHistory } from '../../../../src/server/commands/demo/history.js';
import { metricValue, parsePrometheus } from '../../../../src/server/commands/demo/prometheus-text.js';
import { Screen, screenLines } from '../../../../src/server/commands/demo/screen.js';
import { summaryLines } from '../../../../src/server/commands/demo/summary.js';
import { parseConfig } from '../../../../src/server/config/index.js';

test('there are at least eight classes, and each draws a JPEG that follows from its arguments', async () => {
  assert.ok(drawnClasses.length >= 8);
  for (const name of drawnClasses) {
    const image = await drawImage(name, 3, 7);
    const { format, width, height, channels } = await sharp(image).metadata();
    assert.deepEqual({ format, width, height, channels }, { format: 'jpeg', width: 128, height: 128, channels: 3 });
    assert.deepEqual(await drawImage(name, 3, 7), image);
    assert.notDeepEqual(await drawImage(name, 4, 7), image);
    assert.notDeepEqual(await drawImage(name, 3, 8), image);
  }
  await assert.rejects(drawImage('unicorns', 0, 7), /No pattern "unicorns"/);
});

test('a drawing is no blank canvas', async () => {
  for (const name of drawnClasses) {
    const { channels } = await sharp(await drawImage(name, 0, 7)).stats();
    assert.ok(Math.max(...channels.map(({ stdev }) => stdev)) > 5, name);
  }
});

test('drawn images take turns by class, and none held out is fed', () => {
  const { fed, heldOut } = drawnImages(25, 7);
  assert.equal(fed.length, 25);
  const counts = drawnClasses.map((name) => fed.filter(({ label }) => label === name).length);
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
  const paths = new Set(fed.map(({ path }) => path));
  assert.equal(paths.size, 25);
  assert.ok(heldOut.length >= 100);
  assert.ok(heldOut.every(({ path }) => !paths.has(path)));
  assert.deepEqual(
    drawnImages(25, 7).fed.map(({ path }) => path),
    fed.map(({ path }) => path),
  );
});

const SCRAPE = `# HELP headwater_served_accuracy x
# TYPE headwater_served_accuracy gauge
headwater_served_accuracy{head="demo",window="100"} 0.75
headwater_served_accuracy{head="demo",window="1000"} 0.5
headwater_served_accuracy{head="other",window="100"} 0.1
headwater_served_labelled_total{head="demo"} 140
headwater_served_correct_total{head="demo"} 70
headwater_head_version{head="demo"} 9 1700000000000
headwater_champion_info{head="other",learner="sgd"} 1
headwater_champion_info{head="demo",learner="blend"} 1
headwater_class_recall{head="demo",class="a\\"b\\\\c\\n} x"} NaN
up +Inf
`;

test('the text format of Prometheus is read, escapes and all', () => {
  const samples = parsePrometheus(SCRAPE);
  assert.equal(samples.length, 10);
  assert.equal(metricValue(samples, 'headwater_served_accuracy', { window: '1000' }), 0.5);
  assert.equal(metricValue(samples, 'up'), Number.POSITIVE_INFINITY);
  assert.equal(metricValue(samples, 'nothing'), undefined);
  assert.equal(samples.find(({ name }) => name.endsWith('recall'))?.labels.class, 'a"b\\c\n} x');
});

test('the metrics of one head are read, without the others', () => {
  const metrics = readHeadMetrics(SCRAPE, 'demo');
  assert.equal(metrics.servedAccuracy100, 0.75);
  assert.equal(metrics.labelled, 140);
  assert.equal(metrics.correct, 70);
  assert.equal(metrics.version, 9);
  assert.equal(metrics.champion, 'blend');
  assert.equal(readHeadMetrics(SCRAPE, 'absent').champion, '');
  assert.ok(Number.isNaN(readHeadMetrics(SCRAPE, 'absent').servedAccuracy100));
});

test('the history has a point every so many labels, and the accuracy of the first hundred', () => {
  const history = new AccuracyHistory(10);
  const at = (labelled: number, correct: number, servedAccuracy100: number) =>
    history.add({ ...readHeadMetrics('', 'demo'), labelled, correct, servedAccuracy100 });
  at(0, 0, Number.NaN);
  assert.deepEqual(history.values, []);
  at(25, 5, 0.2);
  assert.deepEqual(history.values, [0.2, 0.2, 0.2]);
  at(95, 20, 0.3);
  assert.equal(history.first, undefined);
  at(104, 26, 0.4);
  at(200, 99, 0.7);
  assert.deepEqual(history.first, { accuracy: 0.25, count: 104 });
  assert.equal(history.values.length, 21);
  assert.equal(history.values.at(-1), 0.7);
});

const STATE = {
  labelled: 500,
  total: 1500,
  accuracy: [0.1, 0.5, 0.8],
  chartLength: 10,
  labelsPerSecond: 40,
  p50: 10,
  p99: 30,
  version: 12,
  classes: 10,
  champion: 'blend',
};

test('the screen fits the terminal and leaves the time to come empty', () => {
  for (const width of [40, 79, 200]) {
    const lines = screenLines(STATE, width);
    assert.ok(
      lines.every((line) => line.length <= width),
      `${width}`,
    );
  }
  const chart = screenLines(STATE, 79).filter((line) => /[\u2801-\u28ff]/.test(line));
  assert.ok(chart.length > 3);
  assert.ok(chart.every((line) => line.length < 40));
});

test('the screen is redrawn in place on a terminal, and plain lines elsewhere', () => {
  const written: string[] = [];
  const write = (text: string) => written.push(text);
  const terminal = new Screen({ isTTY: true, columns: 80, write });
  terminal.draw(STATE);
  terminal.draw(STATE);
  const lines = (written[0] ?? '').split('\n').length - 1;
  assert.equal(written[1], `\x1b[${lines}A${written[0]}`);
  written.length = 0;
  const plain = new Screen({ write });
  plain.draw(STATE);
  plain.draw(STATE);
  plain.draw(STATE, true);
  assert.equal(written.length, 2);
  assert.ok(!written.join('').includes('\u001b'));
  assert.match(written[0] ?? '', /500\/1500 labels {2}served accuracy +80\.0 %/);
});

test('the summary tells what could serve, and what does', () => {
  const candidate = (name: string, accuracy: number, count = 900) => ({
    ...{ name, samples: count, logLoss: 0.5, temperature: 1, weight: 0.5, bytes: 0 },
    accuracy: [
      { window: 100, count: Math.min(100, count), accuracy: 0 },
      { window: 1000, count, accuracy },
    ],
  });
  const result = {
    ...{ drawn: true, history: new AccuracyHistory(10), labelled: 900, trained: 900, seconds: 30, rate: 40 },
    ...{ holdout: { count: 0, correct: 0, accuracy: null, meanPerClass: null } as never, latencies: [1], failed: 0 },
    champion: 'blend',
    candidates: [candidate('blend', 0.875), candidate('slda', 0.5), candidate('refit', 0, 0)],
  };
  const lines = summaryLines(result);
  const at = lines.findIndex((line) => line.startsWith('What could serve'));
  assert.equal(lines[at + 1], '  blend* 87.5 %  slda 50.0 %');
  assert.ok(!summaryLines({ ...result, candidates: [candidate('sgd', 0.5)] }).some((line) => line.includes('could')));
});

test('the configuration that the demo writes is a valid one', () => {
  const setting = {
    model: '/m.onnx',
    image: imageSettings({ rate: 1, seed: 1 }),
    grpcPort: 1,
    httpPort: 2,
    backbone: 'tiny',
    head: 'demo',
  };
  const config = parseConfig(demoConfig(setting), { baseDir: '/base' });
  assert.equal(config.dataDir, '/base');
  assert.deepEqual(config.backbones[0]?.image, {
    size: 96,
    resize: 110,
    channels: 'rgb',
    scale: 255,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  });
});

test('image settings of an own model: what is given, else what most networks want', () => {
  assert.deepEqual(imageSettings({ rate: 1, seed: 1, model: 'm.onnx', size: 227, channels: 'bgr', scale: 1 }), {
    size: 227,
    resize: 259,
    channels: 'bgr',
    scale: 1,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  });
});

test("the demo empties its own folder, and nobody else's", async (t) => {
  const parent = await mkdtemp(join(tmpdir(), 'headwater-demo-'));
  t.after(() => rm(parent, { recursive: true, force: true }));
  const { folder } = await freshDemoFolder(join(parent, 'demo'));
  await writeFile(join(folder, 'old'), '');
  await freshDemoFolder(folder);
  assert.deepEqual(await readdir(folder), ['.headwater-demo']);
  await writeFile(join(parent, 'precious'), '');
  await assert.rejects(freshDemoFolder(parent), /holds files that are not the demo's/);
});
