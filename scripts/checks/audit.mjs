// `npm audit` of what is installed for users: fails for vulnerabilities that are known to be high or critical. Where the registry
// does not answer, it says so and passes: a build must not depend on it. package-lock.json says which versions are meant.
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../setup/run.mjs';

const TIMEOUT_MS = 120_000;

/**
 * What the output of `npm audit --json` means: `{ answered: false, why }`, or `{ answered: true, found, bad }`: the number of
 * vulnerabilities by severity, and a line for each package with a high or critical one.
 */
export function readAudit(stdout) {
  let report;
  try {
    report = JSON.parse(stdout);
  } catch {
    return { answered: false, why: 'npm audit printed no JSON' };
  }
  const found = report?.metadata?.vulnerabilities;
  if (found === undefined || found === null) {
    return { answered: false, why: report?.message ?? report?.error?.summary ?? 'npm audit gave no report' };
  }
  const bad = Object.values(report.vulnerabilities ?? {})
    .filter(({ severity }) => severity === 'high' || severity === 'critical')
    .map(({ name, severity, range, via }) => {
      const titles = (via ?? []).map((cause) => (typeof cause === 'string' ? `by ${cause}` : cause.title));
      return `${name} ${range}: ${severity}: ${titles.join('; ')}`;
    });
  return { answered: true, found, bad };
}

/** Runs it and prints what came of it. Returns whether to go on. */
export function audit(print = console.log) {
  const options = { cwd: ROOT, encoding: 'utf8', timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 };
  const result = spawnSync('npm', ['audit', '--omit=dev', '--audit-level=high', '--json'], options);
  const read = result.error ? { answered: false, why: result.error.message } : readAudit(result.stdout);
  if (!read.answered) {
    print(
      `npm audit: NOT DONE, the registry did not answer it (${read.why.slice(0, 300)}); nothing is known, nothing failed`,
    );
    return true;
  }
  const counts = Object.entries(read.found).map(([severity, count]) => `${severity} ${count}`);
  print(`npm audit of the dependencies in use: ${counts.join(', ')}`);
  for (const line of read.bad) print(`  ${line}`);
  return read.bad.length === 0;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = audit() ? 0 : 1;
}
