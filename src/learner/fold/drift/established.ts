/**
 * A class that was learned fewer times is new to the head, and so is one that is far behind the others, whose samples hold their own against its few: that it is
 * not recognised yet is no drift...
 */
const FEWEST = 10;
const SHARE = 0.5;
/** ... but after so many it is, however many the others have. */
const ENOUGH = 200;

/** Whether mistakes about a class may mean that the world has changed. @param samples Of the class. @param average Samples a class. */
export function isEstablished(samples: number, average: number): boolean {
  return samples >= Math.max(FEWEST, Math.min(ENOUGH, SHARE * average));
}
