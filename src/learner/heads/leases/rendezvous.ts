/**
 * Which member a head belongs to: the one with the highest hash of member and head together (rendezvous hashing: Thaler and Ravishankar 1998).
 * Everybody who knows the same members finds the same one, and when a member comes or goes only heads from or to it move.
 * @returns undefined when there are no members
 */
export function preferredMember(head: string, members: Iterable<string>): string | undefined {
  let best: string | undefined;
  let highest = -1;
  for (const member of members) {
    const score = hash(`${member}\u0000${head}`);
    if (score > highest || (score === highest && best !== undefined && member > best)) {
      best = member;
      highest = score;
    }
  }
  return best;
}

/** 32 bits: FNV-1a over UTF-16 units, then MurmurHash3's finalizer, which spreads the last units over all bits. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
