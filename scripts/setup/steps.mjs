// The steps of the set-up, in order. Each has a name, a quick `isDone()` and a `run()` that throws SetupError.
import { addon } from './addon.mjs';
import { build } from './build.mjs';
import { withLock } from './lock.mjs';
import { natsServer } from './nats-server.mjs';
import { packages } from './packages.mjs';
import { SetupError } from './run.mjs';

const STEPS = [packages, build, addon, natsServer];

/** Runs the steps that are not done. Returns whether all are done now; what went wrong has been printed to stderr. */
export async function runSteps({ quiet }) {
  try {
    if (STEPS.every((step) => step.isDone())) {
      if (!quiet) console.error('setup: everything is there');
      return true;
    }
    await withLock(() => {
      // A step can undo a later one (new packages, another compiler), so each is asked only when its turn comes.
      for (const step of STEPS) if (!step.isDone()) runStep(step);
    });
    console.error('setup: done');
    return true;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`setup: ${error.message}`);
    return false;
  }
}

function runStep(step) {
  console.error(`setup: ${step.name} ...`);
  const start = performance.now();
  step.run();
  if (!step.isDone()) throw new SetupError(`${step.name}: ran without an error, but is not done; please report this`);
  console.error(`setup: ${step.name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}
