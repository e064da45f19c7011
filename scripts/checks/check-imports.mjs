// Checks that imports follow the table in import-rules.mjs and form no circle.
//
//   node scripts/checks/check-imports.mjs [ROOT]     exit status 1 and one line for each fault
import { realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../setup/run.mjs';
import { readImportGraph } from './import-graph.mjs';
import { GENERATED, PARTS } from './import-rules.mjs';

/** The imports that the table does not allow, one sentence each. */
export function ruleFaults({ files, edges }) {
  const strays = files.filter((file) => partOf(file) === undefined);
  return [
    ...strays.map((file) => `${file}: belongs to no part of the table in scripts/checks/import-rules.mjs`),
    ...edges.flatMap((edge) => edgeFault(edge) ?? []),
  ];
}

function partOf(file) {
  return PARTS.find((part) => file.startsWith(`${part.folder}/`));
}

function edgeFault({ from, to }) {
  const part = partOf(from);
  if (part === undefined || part === partOf(to) || part.mayImport === 'anything') return null;
  if (part.mayImport.includes(to)) return null;
  const allowed = part.mayImport.length === 0 ? 'nothing of other parts' : `only ${part.mayImport.join(', ')}`;
  return `${from} imports ${to}: ${part.folder}/ may import ${allowed}`;
}

/**
 * The circles among the imports, each as the list of its files, the first one repeated at the end.
 * A depth-first search: each import that leads back to a file of the path walked closes one.
 */
export function findCircles({ files, edges }) {
  const targets = new Map(files.map((file) => [file, new Set()]));
  for (const { from, to } of edges) {
    if (!from.startsWith(`${GENERATED}/`)) targets.get(from)?.add(to);
  }
  const finished = new Set();
  const path = [];
  const circles = [];
  const visit = (file) => {
    if (finished.has(file)) return;
    const start = path.indexOf(file);
    if (start >= 0) {
      circles.push([...path.slice(start), file]);
      return;
    }
    path.push(file);
    for (const target of targets.get(file) ?? []) visit(target);
    path.pop();
    finished.add(file);
  };
  for (const file of files) visit(file);
  return circles;
}

/** Prints all faults below `root` and a closing line with counts. Returns whether there are none. */
function check(root) {
  const graph = readImportGraph(root);
  const faults = [
    ...ruleFaults(graph),
    ...findCircles(graph).map((circle) => `imports form a circle: ${circle.join(' -> ')}`),
  ];
  // A check that looked at nothing must not pass.
  if (graph.files.length === 0) faults.push(`no TypeScript file found below ${root}`);
  for (const fault of faults) console.error(fault);
  console.log(`imports: ${graph.files.length} files, ${graph.edges.length} imports, ${faults.length} faults`);
  return faults.length === 0;
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  if (!check(realpathSync(process.argv[2] ?? ROOT))) process.exitCode = 1;
}
