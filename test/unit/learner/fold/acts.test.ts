import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { HeadFold } from '../../../../src/learner/fold/head-fold.js';
import type { LoggedAct } from '../../../../src/learner/fold/log-entry.js';
import { encodeModel } from '../../../../src/learner/fold/model-format.js';
import { type HeadDefinition, LearnerError, type LearnerKind } from '../../../../src/learner/types.js';
import { blobs } from '../../../contract/learner/blobs.js';
import { actOf, definitionOf, entryOf } from './samples.js';

/** A head whose log goes on from what it has. */
class Head {
  readonly data = blobs(12, 6, 1, 0.2);
  readonly fold: HeadFold;

  constructor(readonly definition: HeadDefinition) {
    this.fold = new HeadFold(definition);
  }

  act(change: LoggedAct, attachment?: Uint8Array) {
    return this.fold.fold(actOf(change), this.fold.sequence + 1, attachment);
  }

  learn(name: string, c: number, count = 1) {
    for (let i = 0; i < count; i++) {
      this.fold.fold(entryOf({ label: name, embedding: this.data.embedding(c) }), this.fold.sequence + 1);
    }
  }

  /** Samples of the first `classes` classes in turn, named `class 0`, ... */
  teach(samples: number, classes = 4) {
    for (let i = 0; i < samples; i++) this.learn(`class ${i % classes}`, i % classes);
  }

  get statistics() {
    return this.fold.statistics();
  }

  get names() {
    return this.fold.model().classes;
  }

  /** How many of 20 new samples of `c` are answered with `name`. */
  recall(name: string, c: number): number {
    const { classes, weights, bias } = this.fold.model();
    let right = 0;
    for (let i = 0; i < 20; i++) {
      const embedding = this.data.embedding(c);
      const logits = classes.map((_, k) => embedding.reduce((sum, x, d) => sum + x * weights[k * 12 + d]!, bias[k]!));
      if (classes[logits.indexOf(Math.max(...logits))] === name) right += 1;
    }
    return right;
  }
}

function head(train: 'auto' | readonly LearnerKind[] = ['sgd', 'slda', 'rls'], changes = {}): Head {
  const { learner } = definitionOf();
  return new Head(definitionOf({ learner: { ...learner, train }, ...changes }));
}

test('a class that is deleted is gone everywhere, and a label makes it anew in an open head', () => {
  const it = head();
  it.teach(200);
  assert.equal(it.act({ kind: 'delete_class', name: 'class 1' }).kind, 'acted');
  assert.deepEqual(it.names, ['class 0', 'class 2', 'class 3']);
  assert.ok(it.recall('class 3', 3) >= 18);
  const { classes, prequentialAccuracy } = it.statistics;
  assert.deepEqual(
    classes.map(({ samples, recent }) => [samples, recent]),
    [
      [50, 49],
      [50, 50],
      [50, 50],
    ],
  );
  assert.equal(prequentialAccuracy[1]?.count, 149);
  it.learn('class 1', 1, 40);
  assert.deepEqual(it.names, ['class 0', 'class 2', 'class 3', 'class 1']);
  assert.equal(it.statistics.classes[3]?.samples, 40);
  assert.ok(it.recall('class 1', 1) >= 15);
});

test('deleting makes room under the class limit; in a fixed head the name is refused from then on', () => {
  const open = head('auto', { maxClasses: 2 });
  open.teach(2, 2);
  open.act({ kind: 'delete_class', name: 'class 0' });
  open.learn('class 5', 5);
  assert.deepEqual(open.names, ['class 1', 'class 5']);
  const fixed = head('auto', { classes: ['a', 'b'] });
  fixed.act({ kind: 'delete_class', name: 'a' });
  assert.deepEqual(fixed.fold.fold(entryOf({ label: 'a' }), 9), { kind: 'skipped', reason: 'unknown_class' });
  const restored = HeadFold.restore(fixed.definition, fixed.fold.snapshot().state);
  assert.deepEqual(restored.model().classes, ['b']);
});

test('a renamed class keeps what it knows; labels and answers with the old name mean it', () => {
  const it = head();
  it.teach(120);
  const before = it.fold.model();
  it.act({ kind: 'rename_class', from: 'class 2', to: 'two' });
  assert.deepEqual(it.fold.model().weights, before.weights);
  assert.deepEqual(it.names, ['class 0', 'class 1', 'two', 'class 3']);
  const served = { version: 1, predicted: 'class 2', servedAtMs: 0 };
  const outcome = it.fold.fold(entryOf({ label: 'two', embedding: it.data.embedding(2), served }), 900);
  assert.deepEqual(outcome, { kind: 'learned', classIndex: 2, correct: true });
  it.learn('class 2', 2);
  const { servedCorrect, classes, aliases } = it.statistics;
  assert.deepEqual([servedCorrect, classes[2]?.samples, classes.length], [1, 32, 4]);
  assert.deepEqual(aliases, [{ from: 'class 2', to: 'two' }]);
});

test('learners come, knowing all classes and nothing else, and go; what serves gives way at once', () => {
  const it = head('auto');
  it.teach(100);
  assert.equal(it.statistics.champion, 'sgd');
  it.act({ kind: 'set_learners', learners: ['rls', 'sgd'] });
  assert.deepEqual(it.statistics.candidates.map(({ name }) => name).sort(), ['blend', 'rls', 'sgd']);
  assert.equal(it.statistics.champion, 'sgd');
  it.teach(300);
  const dropped = it.act({ kind: 'set_learners', learners: ['rls'] });
  const { champion, promotions, candidates } = it.statistics;
  assert.equal(champion, 'rls');
  assert.deepEqual(
    candidates.map(({ name, weight }) => [name, weight]),
    [['rls', 1]],
  );
  assert.ok(dropped.kind === 'acted' && dropped.promotion?.to === 'rls');
  assert.match(promotions.at(-1)?.reason ?? '', /was dropped$/);
  assert.ok(it.recall('class 1', 1) >= 18);
});

test('of two imported classes that mean the same, the one with its very name is taken, else the first', () => {
  const it = head(['sgd'], { dimensions: 12 });
  it.teach(60, 2);
  it.act({ kind: 'rename_class', from: 'class 0', to: 'zero' });
  it.act({ kind: 'rename_class', from: 'class 1', to: 'one' });
  it.act({ kind: 'rename_class', from: 'one', to: 'uno' });
  // Row r says r for every embedding.
  const classes = ['class 0', 'zero', 'one', 'class 1', 'zero'];
  const bias = Float32Array.from(classes.keys());
  const model = { classes, dimensions: 12, weights: new Float32Array(60), bias };
  const bytes = encodeModel(it.definition, model);
  const digest = createHash('sha256').update(bytes).digest('hex');
  assert.equal(it.act({ kind: 'import_model', digest }, bytes).kind, 'acted');
  assert.deepEqual(it.names, ['zero', 'uno']);
  const served = it.fold.model('imported');
  assert.deepEqual([...served.bias], [1, 2]);
});

test('before anything was judged the blend takes over as soon as there is one', () => {
  const it = head('auto');
  const outcome = it.act({ kind: 'set_learners', learners: ['sgd', 'slda', 'rls'] });
  assert.ok(outcome.kind === 'acted' && outcome.promotion?.to === 'blend', JSON.stringify(outcome));
  it.teach(60);
  assert.equal(it.statistics.champion, 'blend');
});

test('an operator promotes whatever the scores say, until they may decide again', () => {
  const it = head();
  it.teach(40);
  const promoted = it.act({ kind: 'promote', candidate: 'slda' });
  assert.ok(promoted.kind === 'acted');
  assert.deepEqual(promoted.promotion, {
    from: 'blend',
    to: 'slda',
    sequence: 41,
    samples: 40,
    reason: 'by an operator',
  });
  it.teach(500);
  assert.deepEqual([it.statistics.champion, it.statistics.serve], ['slda', 'slda']);
  it.act({ kind: 'promote', candidate: null });
  assert.deepEqual([it.statistics.champion, it.statistics.serve], ['slda', 'auto']);
});

test('who is chosen by the definition serves from the start, or when it is there and judged', () => {
  const { learner } = definitionOf();
  const fold = (train: 'auto' | readonly LearnerKind[]) =>
    new Head(definitionOf({ learner: { ...learner, serve: 'rls', train } }));
  assert.equal(fold(['sgd', 'rls']).statistics.champion, 'rls');
  const late = fold('auto');
  late.teach(200);
  assert.equal(late.statistics.champion, 'sgd');
  late.act({ kind: 'set_learners', learners: ['sgd', 'rls'] });
  late.teach(99);
  assert.equal(late.statistics.champion, 'sgd');
  late.teach(2);
  assert.equal(late.statistics.champion, 'rls');
});

function modelOf(source: Head, name = 'elsewhere'): { bytes: Uint8Array; digest: string } {
  const bytes = encodeModel(definitionOf({ name }), source.fold.model());
  return { bytes, digest: createHash('sha256').update(bytes).digest('hex') };
}

test('an imported classifier serves at once in a new head, with its classes; what learns takes over when it is better', () => {
  const source = head();
  source.teach(400, 3);
  const { bytes, digest } = modelOf(source);
  const it = head();
  const outcome = it.act({ kind: 'import_model', digest }, bytes);
  assert.ok(outcome.kind === 'acted' && outcome.promotion?.to === 'imported');
  assert.deepEqual(it.names, ['class 0', 'class 1', 'class 2']);
  for (const c of [0, 1, 2]) assert.ok(it.recall(`class ${c}`, c) >= 18);
  const [first] = it.statistics.candidates;
  assert.ok(first?.name === 'imported' && first.bytes > 0);
  // A class that it never heard of: others learn it.
  it.teach(600, 4);
  assert.notEqual(it.statistics.champion, 'imported');
  assert.ok(it.recall('class 3', 3) >= 18);
  const again = HeadFold.restore(it.definition, it.fold.snapshot().state);
  assert.deepEqual(again.statistics(), it.statistics);
  assert.deepEqual(again.snapshot(), it.fold.snapshot());
});

test('an import in a fixed head keeps to its classes; one that has none of them is skipped', () => {
  const source = head();
  source.teach(300, 3);
  const { bytes, digest } = modelOf(source);
  const it = head('auto', { classes: ['class 2', 'other'] });
  it.act({ kind: 'import_model', digest }, bytes);
  assert.deepEqual(it.names, ['class 2', 'other']);
  const stranger = head('auto', { classes: ['x'] });
  const outcome = stranger.act({ kind: 'import_model', digest }, bytes);
  assert.ok(outcome.kind === 'act_skipped' && outcome.reason === 'unknown_class');
});

test('an import without its bytes stops the fold as it was; bytes that are no model are skipped', () => {
  const it = head();
  it.teach(10);
  const { state } = it.fold.snapshot();
  const bytes = Buffer.from('nothing that anybody exported');
  const digest = createHash('sha256').update(bytes).digest('hex');
  const isMismatch = (error: unknown) => error instanceof LearnerError && error.code === 'log_mismatch';
  assert.throws(() => it.act({ kind: 'import_model', digest }), isMismatch);
  assert.throws(() => it.act({ kind: 'import_model', digest }, bytes.subarray(1)), isMismatch);
  assert.deepEqual(it.fold.snapshot().state, state);
  assert.deepEqual(it.act({ kind: 'import_model', digest }, bytes), {
    kind: 'act_skipped',
    act: { kind: 'import_model', digest },
    reason: 'no_model',
  });
});

test('an act that makes no sense where it stands is skipped with a reason, counted, and changes nothing else', () => {
  const it = head(['sgd', 'slda']);
  it.teach(40);
  const before = it.fold.model();
  const cases: [LoggedAct, string][] = [
    [{ kind: 'delete_class', name: 'class 9' }, 'unknown_class'],
    [{ kind: 'rename_class', from: 'class 9', to: 'x' }, 'unknown_class'],
    [{ kind: 'rename_class', from: 'class 0', to: 'class 1' }, 'name_taken'],
    [{ kind: 'rename_class', from: 'class 0', to: '' }, 'no_name'],
    [{ kind: 'set_learners', learners: [] }, 'no_learners'],
    [{ kind: 'promote', candidate: 'rls' }, 'unknown_candidate'],
    [{ kind: 'promote', candidate: 'imported' }, 'unknown_candidate'],
  ];
  for (const [act, reason] of cases) assert.deepEqual(it.act(act), { kind: 'act_skipped', act, reason });
  assert.deepEqual(it.fold.model(), before);
  assert.equal(it.statistics.skipped, cases.length);
  assert.deepEqual([it.statistics.serve, it.statistics.promotions], ['auto', []]);
});

test('a log full of acts: restored anywhere, it ends in the same bytes', () => {
  const source = head();
  source.teach(200, 3);
  const { bytes: model, digest } = modelOf(source);
  const acts: [number, LoggedAct][] = [
    [30, { kind: 'set_learners', learners: ['slda', 'sgd', 'rls'] }],
    [90, { kind: 'rename_class', from: 'class 1', to: 'one' }],
    [120, { kind: 'delete_class', name: 'class 0' }],
    [160, { kind: 'import_model', digest }],
    [200, { kind: 'promote', candidate: 'rls' }],
    [230, { kind: 'set_learners', learners: ['slda'] }],
    [260, { kind: 'promote', candidate: null }],
    [280, { kind: 'set_learners', learners: ['slda', 'sgd'] }],
  ];
  const data = blobs(12, 4, 8);
  const log = Array.from({ length: 400 }, (_, i) => {
    const act = acts.find(([at]) => at === i)?.[1];
    const c = data.randomClass();
    const bytes = act ? actOf(act) : entryOf({ label: `class ${c}`, embedding: data.embedding(c) });
    return { bytes, sequence: i + 1, attachment: act?.kind === 'import_model' ? model : undefined };
  });
  const folded = (fold: HeadFold, part: typeof log) => {
    for (const { bytes, sequence, attachment } of part) fold.fold(bytes, sequence, attachment);
    return fold;
  };
  const straight = folded(new HeadFold(definitionOf()), log);
  assert.equal(straight.statistics().skipped, 0);
  for (const cut of [10, 31, 91, 121, 161, 201, 231, 262, 399]) {
    const { state } = folded(new HeadFold(definitionOf()), log.slice(0, cut)).snapshot();
    const after = folded(HeadFold.restore(definitionOf(), state), log.slice(cut));
    assert.deepEqual(after.snapshot(), straight.snapshot(), `restored at ${cut}`);
    assert.deepEqual(after.statistics(), straight.statistics());
  }
});
