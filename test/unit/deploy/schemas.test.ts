// Every object of every overlay against Kubernetes' OpenAPI schemas, twice: the schemas themselves (what is required, which values), and the types made from
// them (a key that nobody knows, which the API server would drop without a word).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type KubernetesObject, render } from '../../support/kustomize.js';
import { ROOT } from '../../support/repository.js';

const OVERLAYS = ['single', 'production'];

/** The module with the classes of an apiVersion. */
function moduleOf({ apiVersion }: KubernetesObject): string {
  const operator = apiVersion.startsWith('monitoring.coreos.com/');
  return `${operator ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models'}/${apiVersion}`;
}

async function problemOf(object: KubernetesObject): Promise<string | undefined> {
  const models = (await import(moduleOf(object))) as Record<string, new (data: object) => { validate(): void }>;
  const Model = models[object.kind];
  if (Model === undefined) return `no kind ${object.kind} in ${object.apiVersion}`;
  try {
    new Model(object).validate();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What the compiler says of objects as literals of their types. */
function typeProblems(t: TestContext, objects: readonly KubernetesObject[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-manifests-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'src'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const lines = objects.map((object, index) => {
    const type = `import('${moduleOf(object)}').I${object.kind}`;
    return `// ${object.kind} ${object.metadata.name}\nexport const object${index}: ${type} = ${JSON.stringify(object)};`;
  });
  writeFileSync(join(folder, 'src', 'objects.ts'), lines.join('\n'));
  const compilerOptions = { strict: true, noEmit: true, module: 'nodenext', skipLibCheck: true, types: [] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout, stderr, error } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' });
  return `${error?.message ?? ''}${stdout}${stderr}`;
}

for (const overlay of OVERLAYS) {
  describe(`deploy/k8s/overlays/${overlay}`, () => {
    const objects = render(join(ROOT, 'deploy', 'k8s', 'overlays', overlay));

    it('has objects of kinds and values that Kubernetes knows', async () => {
      assert.ok(objects.length >= 5);
      for (const object of objects) {
        assert.equal(await problemOf(object), undefined, `${object.kind} ${object.metadata.name}`);
      }
    });

    it('has no key that Kubernetes does not know', (t) => {
      assert.equal(typeProblems(t, objects), '');
    });
  });
}

describe('these checks', () => {
  const deployment = () => {
    const found = render(join(ROOT, 'deploy', 'k8s', 'overlays', 'single')).find(({ kind }) => kind === 'Deployment');
    assert.ok(found);
    return structuredClone(found) as KubernetesObject & { spec: { replicas: unknown; selector: unknown } };
  };

  it('find a wrong value and a missing one', async () => {
    const wrong = deployment();
    wrong.spec.replicas = 'three';
    assert.match((await problemOf(wrong)) ?? '', /replicas/);
    const missing = deployment() as { spec: { selector?: unknown } } & KubernetesObject;
    delete missing.spec.selector;
    assert.match((await problemOf(missing)) ?? '', /selector/);
  });

  it('find a key that is misspelt', (t) => {
    const misspelt = deployment() as KubernetesObject & { spec: Record<string, unknown> };
    misspelt.spec.minReadySecond = 5;
    assert.match(typeProblems(t, [misspelt]), /minReadySecond/);
  });
});
