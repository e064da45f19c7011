// Who imports whom, as the compiler sees it: type-only, dynamic and inline `import('...')` types included.
// (TypeScript 7 has no JavaScript API that dependency checkers could use, so they see no .ts file at all, and stay quiet.)
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const COMPILER = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'node_modules', 'typescript', 'bin', 'tsc');

/**
 * The imports between the files of the TypeScript project in `root` (a folder with a tsconfig.json).
 * Returns `{ files, edges }`: paths relative to `root`, with `/`; edges `{ from, to }`. Packages are left out.
 */
export function readImportGraph(root) {
  const args = [COMPILER, '-p', root, '--noEmit', '--explainFiles', '--pretty', 'false', '--locale', 'en'];
  const result = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  // Type errors are the build's business; what is imported is known in spite of them.
  if (result.error || !result.stdout) throw new Error(`the compiler did not run: ${result.error ?? result.stderr}`);
  const graph = parseExplainFiles(result.stdout, (path) => projectPath(root, path));
  return { files: graph.files, edges: [...graph.edges, ...workerEdges(root, graph.files)] };
}

/**
 * Reads the output of `tsc --explainFiles`: a file's path at the line's start, then one indented reason a line, such as
 * "Imported via './a.js' from file 'src/b.ts'". `toProjectPath` returns null for a file that is not the project's.
 */
export function parseExplainFiles(output, toProjectPath) {
  const files = [];
  const edges = [];
  let to = null;
  for (const line of output.split(/\r?\n/)) {
    if (!line.startsWith(' ')) {
      to = /\.[cm]?ts$/.test(line) ? toProjectPath(line) : null;
      if (to !== null) files.push(to);
      continue;
    }
    const reason = /^ +(?:Imported|Referenced) via .* from file '([^']+)'/.exec(line);
    const from = reason === null ? null : toProjectPath(reason[1]);
    if (to !== null && from !== null) edges.push({ from, to });
  }
  return { files, edges };
}

/** A worker started with `new URL('./worker.js', import.meta.url)` is imported too, though the compiler does not know. */
function workerEdges(root, files) {
  const known = new Set(files);
  return files.flatMap((from) => {
    const text = readFileSync(join(root, from), 'utf8');
    const found = [...text.matchAll(/new URL\(\s*['"](\.[^'"]+)\.js['"],\s*import\.meta\.url/g)];
    const targets = found.map((match) => projectPath(root, resolve(root, dirname(from), `${match[1]}.ts`)));
    return targets.filter((to) => to !== null && known.has(to)).map((to) => ({ from, to }));
  });
}

function projectPath(root, path) {
  const inside = relative(root, resolve(root, path)).split(sep).join('/');
  if (inside.startsWith('../') || inside.includes('node_modules/')) return null;
  return existsSync(join(root, inside)) ? inside : null;
}
