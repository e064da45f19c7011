// Every promise can be broken: each test takes a result that keeps all of them and spoils one thing.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkCapacity } from '../../../loadtest/checks/capacity.js';
import { idealLatencies, quantile } from '../../../loadtest/checks/ideal-queue.js';
import { commonVerdicts, generatorVerdict } from '../../../loadtest/checks/phases.js';
import { atLeast, atMost } from '../../../loadtest/checks/verdict.js';
import { scenarios } from '../../../loadtest/scenarios/index.js';
import type { LoadResult, Verdict } from '../../../loadtest/scenarios/scenario.js';
import { type CountOptions, countOf, phaseOf, quietServer, repeated, resultOf, sampleAt } from './results.js';

const broken = (verdicts: readonly Verdict[]) => verdicts.filter(({ kept }) => !kept).map(({ promise }) => promise);

function checkOf(name: string): (result: LoadResult) => readonly Verdict[] {
  const found = scenarios.find((scenario) => scenario.name === name);
  assert.ok(found, `no scenario ${name}`);
  return (result) => found.check(result);
}

/** Only promises that match are broken, at least one. */
function assertBreaks(verdicts: readonly Verdict[], promise: RegExp): void {
  const names = broken(verdicts);
  assert.ok(names.length > 0, 'nothing is broken');
  for (const name of names) assert.match(name, promise);
}

describe('what every run promises', () => {
  const phase = (options: CountOptions) => resultOf([phaseOf('any', [countOf(options)])]);

  test('is kept by a good one', () => {
    const result = phase({ latencies: [1, 2, 3] });
    assert.deepEqual(broken([...commonVerdicts(result), generatorVerdict(result)]), []);
  });

  test('is broken by a failure, whose message is told', () => {
    const verdicts = commonVerdicts(phase({ latencies: [1], failed: 2 }));
    assertBreaks(verdicts, /no request fails/);
    assert.match(verdicts[0]!.measured, /2: INTERNAL: a fault/);
  });

  test('is broken by a server that crashed', () => {
    assertBreaks(commonVerdicts({ ...phase({ latencies: [1] }), exit: 'SIGSEGV' }), /status 0/);
  });

  test('makes the run invalid when the generator is late', () => {
    assertBreaks([generatorVerdict(phase({ latencies: [1], latenessMs: 11 }))], /valid/);
  });
});

test('what was not measured keeps no promise', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.equal(atMost('it', value, 1).kept, false);
    assert.equal(atLeast('it', value, 1).kept, false);
  }
  assert.equal(atMost('it', 1, 1).kept, true);
  assert.equal(atLeast('it', 1, 1).kept, true);
});

test('an ideal queue serves one after the other', () => {
  assert.deepEqual(idealLatencies([0, 0, 5, 100], 10), [10, 20, 25, 10]);
  assert.equal(quantile([3, 1, 2], 0.5), 2);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

describe('capacity', () => {
  const round = {
    'headwater-pixels': 95,
    'bare-pixels': 100,
    'baseline-pixels': 50,
    'single-pixels': 50,
    'headwater-image': 90,
    'bare-image': 95,
    'baseline-image': 45,
  };
  const result = (changes = {}, engine = 'onnxruntime') => ({
    ...{
      model: 'resnet50',
      engine,
      batch: 8,
      threads: 1,
      rounds: [round, { ...round, ...changes }, { ...round, ...changes }],
    },
  });

  test('keeps its promises', () => assert.deepEqual(broken(checkCapacity(result())), []));
  test('breaks that of pixels', () =>
    assertBreaks(checkCapacity(result({ 'headwater-pixels': 89 })), /pixels.*engine/));
  test('breaks that of JPEG', () => assertBreaks(checkCapacity(result({ 'headwater-image': 80 })), /JPEG.*decoding/));
  test('breaks that of the baseline', () => {
    assertBreaks(checkCapacity(result({ 'baseline-pixels': 70, 'baseline-image': 70 })), /baseline/);
  });
  test('asks more of the sparse engine', () => assertBreaks(checkCapacity(result({}, 'sparse')), /baseline/));
});

describe('steady', () => {
  const check = checkOf('steady');
  const count = (options: Partial<CountOptions> = {}) =>
    countOf({ latencies: [...repeated(12, 98), 14, 15], ...options });
  const result = (constant = count(), poisson = count({ latencies: repeated(25, 100) }), server = quietServer) =>
    resultOf([phaseOf('constant', [constant], { server }), phaseOf('poisson', [poisson], { server })]);

  test('keeps its promises', () => assert.deepEqual(broken(check(result())), []));
  test('breaks when requests are not answered', () => {
    assertBreaks(check(result(count({ refused: 1 }))), /answered \(constant\)/);
    assertBreaks(check(result(count(), count({ expired: 1 }))), /answered \(Poisson\)/);
  });
  test('breaks when the tail is long', () => {
    assertBreaks(check(result(count({ latencies: [...repeated(10, 97), ...repeated(31, 3)] }))), /p99 over the median/);
  });
  test('breaks when it waits more than an ideal queue', () => {
    assertBreaks(check(result(count(), count({ latencies: repeated(500, 100) }))), /ideal queue/);
  });
  test('breaks when the service takes long itself', () => {
    assertBreaks(check(result(count(), count(), { ...quietServer, overheadMedian: 1.1 })), /overhead/);
  });
  test('breaks when the event loop is late', () => {
    assertBreaks(check(result(count(), count(), { ...quietServer, eventLoopP99: 11 })), /event-loop/);
  });
});

describe('ramp', () => {
  const check = checkOf('ramp');
  const loads = [0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1, 1.1, 1.2];
  /** A server that does `capacity` of 100 a second for a second. */
  const result = (capacity: number, last = capacity) =>
    resultOf(
      loads.map((load) => {
        const can = load === loads.at(-1) ? last : capacity;
        const ok = Math.min(100 * load, can);
        return phaseOf(`${Math.round(100 * load)} %`, [
          countOf({ latencies: repeated(20, ok), refused: 100 * load - ok }),
        ]);
      }),
    );

  test('keeps its promises', () => assert.deepEqual(broken(check(result(95))), []));
  test('breaks when little is served', () => assertBreaks(check(result(80, 95)), /largest load/));
  test('breaks when too much makes it collapse', () => assertBreaks(check(result(95, 40)), /collapse/));
});

describe('overload', () => {
  const check = checkOf('overload');
  const result = ({ goodput = 97, expired = 0, refusalMs = 2, memory = 3e8, after = 0 } = {}) => {
    const refused = 20 * 300 - 20 * goodput - expired;
    const busy = countOf({ latencies: repeated(200, 20 * goodput), refused, expired, refusalMs, seconds: 20 });
    const samples = Array.from({ length: 20 }, (_, index) =>
      sampleAt(index, { residentBytes: index < 10 ? 3e8 : memory }),
    );
    return resultOf([
      phaseOf('before', [countOf({ latencies: repeated(20, 500), seconds: 10 })]),
      phaseOf('overload', [busy], { samples }),
      phaseOf('after', [countOf({ latencies: repeated(20, 500), refused: after, seconds: 10 })]),
    ]);
  };

  test('keeps its promises', () => assert.deepEqual(broken(check(result())), []));
  test('breaks when less is done', () => assertBreaks(check(result({ goodput: 90 })), /goodput/));
  test('breaks when refusals are slow', () => assertBreaks(check(result({ refusalMs: 12 })), /refusals/));
  test('breaks when requests wait in vain', () => assertBreaks(check(result({ expired: 200 })), /expire/));
  test('breaks when memory grows', () => assertBreaks(check(result({ memory: 4e8 })), /memory/));
  test('breaks when it does not recover', () => assertBreaks(check(result({ after: 40 })), /a second after/));
});

describe('burst', () => {
  const check = checkOf('burst');
  const result = (latency: number, refused = 0) =>
    resultOf([phaseOf('bursts', [countOf({ latencies: repeated(latency, 500), refused, seconds: 30 })])]);

  test('keeps its promises', () => assert.deepEqual(broken(check(result(1000))), []));
  test('breaks when something is refused', () => assertBreaks(check(result(1000, 1)), /answered/));
  test('breaks when the queue empties slowly', () => assertBreaks(check(result(9000)), /ideal queue/));
});

describe('mixed', () => {
  const check = checkOf('mixed');
  const result = ({
    latency = 22,
    refused = 0,
    labels = { sent: 500, failed: 0 },
    trained = 500,
    swaps = 300,
  } = {}) => {
    const server = { ...quietServer, labelsTrained: trained, swaps };
    const withLabels = countOf({ latencies: repeated(latency, 500), refused, labels, seconds: 15 });
    return resultOf([
      phaseOf('without labels', [countOf({ latencies: repeated(20, 500), seconds: 15 })]),
      phaseOf('with labels', [withLabels], { server }),
    ]);
  };

  test('keeps its promises', () => assert.deepEqual(broken(check(result())), []));
  test('breaks when labels slow inference down', () => assertBreaks(check(result({ latency: 27 })), /p99 with labels/));
  test('breaks when requests are refused', () => assertBreaks(check(result({ refused: 1 })), /answered, with labels/));
  test('breaks when labels are refused', () => {
    assertBreaks(check(result({ labels: { sent: 500, failed: 3 } })), /could not be sent/);
  });
  test('breaks when labels are not learned', () => assertBreaks(check(result({ trained: 400 })), /learned/));
  test('breaks when nothing swaps', () => assertBreaks(check(result({ swaps: 3 })), /swaps/));
});

describe('soak', () => {
  const check = checkOf('soak');
  const result = ({ growth = 0, refused = 0, tail = 30, after = {} } = {}) => {
    const seconds = 600;
    const samples = Array.from({ length: seconds }, (_, index) =>
      sampleAt(index, { residentBytes: 3e8 * (1 + (growth * index) / seconds) }),
    );
    const latencies = [...repeated(20, 11_700), ...repeated(tail, 300)];
    const rest = { before: sampleAt(0), after: sampleAt(700, after) };
    return resultOf([phaseOf('soak', [countOf({ latencies, refused, seconds })], { samples })], { rest });
  };

  test('keeps its promises', () => assert.deepEqual(broken(check(result())), []));
  test('breaks when memory grows', () => assertBreaks(check(result({ growth: 0.1 })), /memory/));
  test('breaks when requests are refused', () => assertBreaks(check(result({ refused: 60 })), /answered/));
  test('breaks when the tail is long', () => assertBreaks(check(result({ tail: 900 })), /p99 over the median/));
  test('breaks when something is left', () => {
    assertBreaks(check(result({ after: { handles: 12 } })), /handles/);
    assertBreaks(check(result({ after: { queueDepth: 1 } })), /queue/);
    assertBreaks(check(result({ after: { buffered: 3 } })), /buffers/);
  });
  test('breaks when it becomes slower than its load', () => {
    const good = result();
    const [phase] = good.phases;
    const [count] = phase!.counts;
    const seconds = count!.seconds.map((second, index) => (index < 400 ? second : { ...second, answered: 15 }));
    const slower = { ...phase!, counts: [{ ...count!, seconds }] };
    assertBreaks(check({ ...good, phases: [slower] }), /last third/);
  });
});

describe('slow-clients', () => {
  const check = checkOf('slow-clients');
  const result = ({ latency = 22, refused = 0, memory = 3.5e8, after = {} } = {}) => {
    const beside = countOf({ latencies: repeated(latency, 500), refused });
    const samples = [sampleAt(1, { residentBytes: memory })];
    return resultOf(
      [
        phaseOf('alone', [countOf({ latencies: repeated(20, 500) })]),
        phaseOf('beside slow clients', [beside], { samples }),
      ],
      { rest: { before: sampleAt(0), after: sampleAt(50, after) } },
    );
  };

  test('keeps its promises', () => assert.deepEqual(broken(check(result())), []));
  test('breaks when good clients are slowed down', () => assertBreaks(check(result({ latency: 28 })), /p99 beside/));
  test('breaks when good clients are refused', () => assertBreaks(check(result({ refused: 1 })), /good request/));
  test('breaks when bad ones cost memory', () => assertBreaks(check(result({ memory: 7e8 })), /memory/));
  test('breaks when something is left', () => {
    assertBreaks(check(result({ after: { handles: 11 } })), /handles/);
    assertBreaks(check(result({ after: { queueDepth: 1 } })), /queue/);
  });
});

describe('batch-clients', () => {
  const check = checkOf('batch-clients');
  const result = ({ latency = 200, refused = 0, large = 30 } = {}) => {
    const small = (latencies: readonly number[], lost = 0) =>
      countOf({ name: 'small', latencies, refused: lost, seconds: 15 });
    const bulk = countOf({ name: 'large', images: 32, latencies: repeated(3000, large), seconds: 15 });
    return resultOf([
      phaseOf('small alone', [small(repeated(20, 450))]),
      phaseOf('beside large ones', [small(repeated(latency, 450), refused), bulk]),
    ]);
  };

  test('keeps its promises', () => assert.deepEqual(broken(check(result())), []));
  test('breaks when small requests wait behind large ones', () =>
    assertBreaks(check(result({ latency: 400 })), /p99 of small/));
  test('breaks when small requests are refused', () =>
    assertBreaks(check(result({ refused: 1 })), /beside large ones/));
  test('breaks when capacity is wasted', () => assertBreaks(check(result({ large: 20 })), /of capacity/));
});
