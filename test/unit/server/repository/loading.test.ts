import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HeadStatus } from '../../../../src/learner/index.js';
import { StatusError } from '../../../../src/server/errors.js';
import { refuseStranding, strandedHeads } from '../../../../src/server/repository/dependent-heads.js';
import { loadParameters, unloadDependents } from '../../../../src/server/repository/load-parameters.js';
import { onCurrentBackbone } from '../../../../src/server/repository/on-current.js';
import { Serial } from '../../../../src/server/repository/serial.js';

const never = new AbortController().signal;

/** A promise with its ends in reach. */
function held<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

describe('Serial', () => {
  it('does one thing after the other, also after one that failed', async () => {
    const serial = new Serial('tiny');
    const done: string[] = [];
    const first = held();
    const one = serial.run(never, async () => {
      done.push('one begins');
      await first.promise;
    });
    const two = serial.run(never, async () => void done.push('two'));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(done, ['one begins']);
    first.reject(new Error('one failed'));
    await assert.rejects(one, /one failed/);
    await two;
    await serial.idle();
    assert.deepEqual(done, ['one begins', 'two']);
  });

  it('leaves out who gave up before its turn', async () => {
    const serial = new Serial('tiny');
    const first = held();
    const one = serial.run(never, () => first.promise);
    const given = new AbortController();
    let ran = false;
    const two = serial.run(given.signal, async () => {
      ran = true;
    });
    given.abort();
    first.resolve();
    await one;
    await assert.rejects(two, { code: 'cancelled' });
    assert.equal(ran, false);
  });

  it('does not let callers pile up', async () => {
    const serial = new Serial('tiny');
    const first = held();
    const all = [serial.run(never, () => first.promise)];
    await new Promise((resolve) => setImmediate(resolve));
    for (let call = 0; call < 8; call++) all.push(serial.run(never, async () => {}));
    await assert.rejects(
      serial.run(never, async () => {}),
      { code: 'requests_full' },
    );
    first.resolve();
    await Promise.all(all);
    await serial.run(never, async () => {});
  });
});

describe('heads on a backbone that is replaced', () => {
  const head = (name: string, backbone: string, backboneIdentity: string) =>
    ({ definition: { name, backbone, backboneIdentity } }) as HeadStatus;
  const heads = [head('a', 'tiny', 'one'), head('b', 'tiny', 'two'), head('c', 'other', 'one')];
  const before = { name: 'tiny', identity: 'one', dimensions: 3 };

  it('are stranded when they were taught on the one that goes', () => {
    assert.deepEqual(strandedHeads(heads, before, { ...before, identity: 'new' }), ['a']);
    assert.deepEqual(strandedHeads(heads, before, { ...before, identity: 'two' }), ['a']);
    assert.deepEqual(strandedHeads(heads, before, before), []);
    assert.deepEqual(strandedHeads(heads, { ...before, identity: 'gone' }, before), []);
  });

  it('are named in the refusal, with what differs', () => {
    const many = Array.from({ length: 9 }, (_, index) => head(`h${index}`, 'tiny', 'one'));
    const refuse = () => refuseStranding(many, before, { ...before, identity: 'new', dimensions: 5 });
    assert.throws(refuse, { code: 'backbone_mismatch', message: /9 heads.*of 3.*of 5.*h0, h1, h2, h3, h4 and 4 more/ });
    refuseStranding(many, before, before);
  });
});

describe('parameters', () => {
  it('are read as Triton clients and command lines write them', () => {
    assert.deepEqual(loadParameters({}), { model: undefined, force: false });
    const both = { model: { stringParam: 'a.onnx' }, force: { boolParam: true } };
    assert.deepEqual(loadParameters(both), { model: 'a.onnx', force: true });
    assert.equal(loadParameters({ force: { stringParam: 'true' } }).force, true);
    assert.equal(unloadDependents({ unload_dependents: { boolParam: true } }), true);
    assert.equal(unloadDependents({ unload_dependents: { boolParam: false } }), false);
  });

  it('are refused when they mean nothing here', () => {
    for (const name of ['__proto__', 'constructor', 'Force']) {
      const parameters = Object.fromEntries([[name, { boolParam: true }]]);
      assert.throws(() => loadParameters(parameters), { code: 'request_invalid' });
    }
    assert.throws(() => unloadDependents({ unload_dependents: { stringParam: 'perhaps' } }), /expected a boolean/);
  });
});

describe('onCurrentBackbone', () => {
  it('begins again when the backbone was replaced, and ends when the server stops', async () => {
    let attempts = 0;
    const replaced = async (times: number) => {
      if (++attempts <= times) throw new StatusError('draining', 'it is stopping');
      return attempts;
    };
    assert.equal(await onCurrentBackbone(() => replaced(2)), 3);
    attempts = 0;
    await assert.rejects(
      onCurrentBackbone(() => replaced(100)),
      { code: 'draining' },
    );
    assert.ok(attempts < 10);
  });

  it('does nothing twice that failed otherwise', async () => {
    let attempts = 0;
    const failing = async () => {
      attempts++;
      throw new StatusError('queue_full', 'full');
    };
    await assert.rejects(onCurrentBackbone(failing), { code: 'queue_full' });
    assert.equal(attempts, 1);
  });
});
