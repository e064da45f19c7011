import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LeaseMembers } from '../../../../src/learner/heads/leases/lease-members.js';
import { LeaseCertainty, type LeaseView, nextLeaseStep } from '../../../../src/learner/heads/leases/lease-rules.js';
import { preferredMember } from '../../../../src/learner/heads/leases/rendezvous.js';

const LEASE_MS = 300;

describe('what to do about a lease', () => {
  const living = new Set(['me', 'you']);
  const view = (change: Partial<LeaseView>): LeaseView => ({
    self: 'me',
    lease: undefined,
    held: false,
    preferred: 'me',
    lives: (member) => living.has(member),
    ...change,
  });
  const lease = (holder: string | null) => ({ holder, epoch: 3 });

  it('is to take what is free, and was meant for us', () => {
    assert.equal(nextLeaseStep(view({})), 'take');
    assert.equal(nextLeaseStep(view({ lease: lease(null) })), 'take');
    assert.equal(nextLeaseStep(view({ preferred: 'you' })), 'leave');
    assert.equal(nextLeaseStep(view({ preferred: undefined })), 'leave');
  });

  it('is to leave it to a holder that lives, and to take it from a dead one', () => {
    assert.equal(nextLeaseStep(view({ lease: lease('you') })), 'leave');
    assert.equal(nextLeaseStep(view({ lease: lease('gone') })), 'take');
    assert.equal(nextLeaseStep(view({ lease: lease('gone'), preferred: 'you' })), 'leave');
  });

  it('is to take our own of before a restart at once, unless it is for another now', () => {
    assert.equal(nextLeaseStep(view({ lease: lease('me') })), 'take');
    assert.equal(nextLeaseStep(view({ lease: lease('me'), preferred: 'you' })), 'release');
  });

  it('is to keep what we hold until it is meant for another', () => {
    assert.equal(nextLeaseStep(view({ lease: lease('me'), held: true })), 'keep');
    assert.equal(nextLeaseStep(view({ lease: lease('me'), held: true, preferred: 'you' })), 'hand_over');
  });
});

describe('a holder', () => {
  it('is sure for the length of a lease after it sent a sign of life', () => {
    const certainty = new LeaseCertainty(LEASE_MS);
    assert.equal(certainty.holds(0), false, 'never seen');
    assert.equal(certainty.confirmed(1_000), false, 'the first is after a silence');
    assert.equal(certainty.holds(1_000 + LEASE_MS - 1), true);
    assert.equal(certainty.holds(1_000 + LEASE_MS), false);
    assert.equal(certainty.confirmed(1_000 + LEASE_MS - 1), true);
    assert.equal(certainty.confirmed(5_000), false, 'asleep meanwhile: others may have taken them');
  });
});

describe('members', () => {
  const members = () => new LeaseMembers(LEASE_MS, 'me');

  it('live as long as their keys change, by our own clock', () => {
    const all = members();
    assert.equal(all.saw('you', 'able', 5, 0), true);
    assert.equal(all.saw('you', 'able', 6, 200), false, 'nothing new: it lived');
    assert.deepEqual(all.silent(200 + LEASE_MS - 1), []);
    assert.deepEqual(all.silent(200 + LEASE_MS), [{ member: 'you', revision: 6 }]);
    assert.equal(all.lives('you'), true, 'only the store can tell that it is dead');
    assert.equal(all.dead('you', 5), false, 'an older revision tells nothing');
    assert.equal(all.dead('you', 6), true);
    assert.deepEqual([all.lives('you'), all.able()], [false, []]);
    assert.equal(all.saw('you', 'able', 7, 900), true, 'it was asleep');
    assert.deepEqual(all.able(), ['you']);
  });

  it('that are leaving live, and take nothing', () => {
    const all = members();
    all.saw('you', 'able', 1, 0);
    assert.equal(all.saw('you', 'leaving', 2, 1), true);
    assert.deepEqual([all.lives('you'), all.able()], [true, []]);
    assert.equal(all.saw('you', 'left', 3, 2), true);
    assert.equal(all.lives('you'), false);
  });

  it('that are only mentioned get the time of a lease to show up', () => {
    const all = members();
    all.mentioned('ghost', 100);
    all.mentioned('ghost', 300);
    assert.deepEqual([all.lives('ghost'), all.able()], [true, []]);
    assert.deepEqual(all.silent(100 + LEASE_MS), [{ member: 'ghost', revision: 0 }]);
    assert.equal(all.dead('ghost', 0), true);
    assert.deepEqual(all.longDead(100 + 10 * LEASE_MS, 10 * LEASE_MS), ['ghost']);
  });

  it('are not silent while this process was deaf', () => {
    const all = members();
    all.saw('you', 'able', 1, 0);
    all.renew(1_000);
    assert.deepEqual(all.silent(1_000 + LEASE_MS - 1), []);
    assert.equal(all.silent(1_000 + LEASE_MS).length, 1);
  });

  it('include this process, whatever others clear away', () => {
    const all = members();
    all.saw('me', 'able', 4, 0);
    assert.deepEqual(all.silent(10 * LEASE_MS), []);
    assert.equal(all.saw('me', 'left', 5, 1), false);
    assert.deepEqual(all.able(), ['me']);
  });
});

describe('rendezvous hashing', () => {
  const heads = Array.from({ length: 3_000 }, (_, i) => `head-${i}`);
  const shareOf = (members: string[]) => {
    const counts = new Map<string, number>();
    for (const head of heads) {
      const member = preferredMember(head, members) as string;
      counts.set(member, (counts.get(member) ?? 0) + 1);
    }
    return counts;
  };

  it('spreads heads evenly', () => {
    const counts = shareOf(['a', 'b', 'c']);
    for (const member of ['a', 'b', 'c']) {
      const count = counts.get(member) ?? 0;
      assert.ok(count > 850 && count < 1_150, `${member}: ${count}`);
    }
  });

  it('does not depend on the order, and moves only heads of who comes or goes', () => {
    for (const head of heads) {
      const three = preferredMember(head, ['a', 'b', 'c']);
      assert.equal(preferredMember(head, ['c', 'a', 'b']), three);
      if (three !== 'c') assert.equal(preferredMember(head, ['a', 'b']), three);
    }
    assert.equal(preferredMember('x', []), undefined);
  });
});
