// `npm run setup`: makes a bare clone ready to run, and does nothing at all when it is ready.
//
//   node scripts/setup.mjs [--quiet]     --quiet: say nothing when there is nothing to do
//
// No package is imported here: there may be none yet. Everything but the version check is loaded afterwards, with import(),
// so that a Node.js too old for the rest still gets as far as saying so.
import { pathToFileURL } from 'node:url';

// sharp's binaries ask for 20.9, the first release of Node.js 20 with long-term support.
const OLDEST_NODE = [20, 9];

/** The sentence that says what to do about a Node.js older than `OLDEST_NODE`, or null when `version` is new enough. */
export function nodeVersionProblem(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return null;
  const wanted = OLDEST_NODE.join('.');
  return `Headwater needs Node.js ${wanted} or newer, this is ${version}: install it from https://nodejs.org or with a version manager (nvm install 22), then run this again.`;
}

/**
 * Runs all steps that are not done yet. Returns true when the clone is ready; otherwise it has printed to stderr
 * what is missing and how to get it.
 */
export async function setup({ quiet }) {
  const problem = nodeVersionProblem(process.versions.node);
  if (problem !== null) {
    console.error(`setup: ${problem}`);
    return false;
  }
  const { runSteps } = await import('./setup/steps.mjs');
  return runSteps({ quiet });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  setup({ quiet: process.argv.includes('--quiet') }).then((ready) => {
    process.exitCode = ready ? 0 : 1;
  });
}
