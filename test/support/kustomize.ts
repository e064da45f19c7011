// Renders the kustomizations of deploy/k8s as `kubectl kustomize` does, as far as they go: resources, config maps from files and literals (without the
// suffix of their contents), strategic merge patches, namespace, labels. What it does not know it refuses.
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export interface KubernetesObject {
  [key: string]: Json;
  apiVersion: string;
  kind: string;
  metadata: { [key: string]: Json; name: string };
}

interface Kustomization {
  readonly resources?: readonly string[];
  readonly namespace?: string;
  readonly labels?: readonly { readonly pairs: Record<string, string>; readonly includeSelectors?: boolean }[];
  readonly configMapGenerator?: readonly {
    readonly name: string;
    readonly files?: readonly string[];
    readonly literals?: readonly string[];
  }[];
  readonly patches?: readonly { readonly path: string }[];
}

const KNOWN = ['apiVersion', 'kind', 'resources', 'namespace', 'labels', 'configMapGenerator', 'patches'];
const CLUSTER_WIDE = ['Namespace'];

/** All objects of a folder with a kustomization.yaml. */
export function render(folder: string): KubernetesObject[] {
  const text = readFileSync(join(folder, 'kustomization.yaml'), 'utf8');
  const kustomization = parse(text) as Kustomization;
  const unknown = Object.keys(kustomization).filter((key) => !KNOWN.includes(key));
  if (unknown.length > 0) throw new Error(`${folder}: this renderer does not know ${unknown.join(', ')}`);
  const objects = (kustomization.resources ?? []).flatMap((resource) =>
    /\.ya?ml$/.test(resource) ? readObjects(join(folder, resource)) : render(join(folder, resource)),
  );
  objects.push(...configMaps(folder, kustomization));
  for (const { path } of kustomization.patches ?? []) applyPatch(objects, join(folder, path));
  for (const { pairs, includeSelectors } of kustomization.labels ?? []) {
    if (includeSelectors !== false) throw new Error(`${folder}: labels with selectors are not rendered here`);
    for (const { metadata } of objects) metadata.labels = { ...(metadata.labels as object), ...pairs };
  }
  const { namespace } = kustomization;
  for (const object of objects) {
    if (namespace !== undefined && !CLUSTER_WIDE.includes(object.kind)) object.metadata.namespace = namespace;
  }
  return objects;
}

export function readObjects(path: string): KubernetesObject[] {
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => {
    if (document.errors.length > 0) throw new Error(`${path}: ${document.errors[0]?.message}`);
    return document.toJS() as KubernetesObject;
  });
}

function configMaps(folder: string, { configMapGenerator = [] }: Kustomization): KubernetesObject[] {
  return configMapGenerator.map(({ name, files = [], literals = [] }) => {
    const data: Record<string, string> = {};
    for (const file of files) {
      const [key, path] = file.includes('=') ? file.split('=') : [basename(file), file];
      data[key as string] = readFileSync(join(folder, path as string), 'utf8');
    }
    for (const literal of literals) {
      const at = literal.indexOf('=');
      data[literal.slice(0, at)] = literal.slice(at + 1);
    }
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
  });
}

function applyPatch(objects: KubernetesObject[], path: string): void {
  for (const patch of readObjects(path)) {
    const index = objects.findIndex(
      ({ kind, metadata }) => kind === patch.kind && metadata.name === patch.metadata.name,
    );
    if (index < 0) throw new Error(`${path}: there is no ${patch.kind} ${patch.metadata.name} in ${dirname(path)}`);
    objects[index] = merge(objects[index] as Json, patch) as KubernetesObject;
  }
}

/** By what the elements of these lists are told apart, as Kubernetes' types say (patchMergeKey). Other lists are replaced. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  volumes: 'name',
  env: 'name',
  volumeMounts: 'mountPath',
  topologySpreadConstraints: 'topologyKey',
};

function merge(base: Json | undefined, patch: Json, key = ''): Json {
  if (Array.isArray(patch)) return Array.isArray(base) ? mergeLists(base, patch, MERGE_KEYS[key]) : patch;
  if (patch === null || typeof patch !== 'object') return patch;
  const merged: Record<string, Json> = isMap(base) ? { ...base } : {};
  const kept = patch.$retainKeys as string[] | undefined;
  if (kept !== undefined) for (const name of Object.keys(merged)) if (!kept.includes(name)) delete merged[name];
  for (const [name, value] of Object.entries(patch)) {
    if (name === '$retainKeys') continue;
    if (value === null) delete merged[name];
    else merged[name] = merge(merged[name], value, name);
  }
  return merged;
}

function mergeLists(base: Json[], patch: Json[], key: string | undefined): Json[] {
  if (key === undefined) return patch;
  const merged = [...base];
  for (const element of patch) {
    if (!isMap(element)) throw new Error(`an element of a list by ${key} is no map`);
    const index = merged.findIndex((each) => isMap(each) && each[key] === element[key]);
    if (element.$patch === 'delete') merged.splice(index, index < 0 ? 0 : 1);
    else if (index < 0) merged.push(element);
    else merged[index] = merge(merged[index], element);
  }
  // An empty list is as good as none.
  return merged;
}

function isMap(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
