import { encodeModel } from '../../fold/model-format.js';
import type { ExportedHead, HeadRequest } from '../../learning.js';
import { type HeadDefinition, type HeadModel, type HeadVersion, LearnerError } from '../../types.js';
import { decodeHeadFile, encodeHeadFile, type HeadFile, quote } from './safetensors.js';

/** What the thread that reads a file is given. */
export interface ImportFile {
  readonly request: HeadRequest;
  readonly bytes: Uint8Array;
  readonly embedding: string | undefined;
}

/** What it answers: first whether the file fits, then the model's bytes. */
export type ImportReply =
  | { readonly bytes: Uint8Array<ArrayBuffer> | undefined }
  | { readonly problem: string; readonly code: LearnerError['code'] | undefined };

/** One version of a head as a file. @param embedding how an image becomes an embedding, as JSON; undefined: not known here. */
export function exportHead(
  definition: HeadDefinition,
  version: HeadVersion,
  model: HeadModel | null,
  embedding: string | undefined,
): ExportedHead {
  if (model === null) {
    throw new LearnerError(
      'version_unknown',
      `head '${definition.name}' has learned nothing yet: there is nothing to export`,
    );
  }
  const { name, backbone, backboneIdentity, dimensions } = definition;
  const bytes = encodeHeadFile({
    head: name,
    version: version.version,
    samples: version.samples,
    classes: model.classes,
    backbone,
    backboneIdentity,
    dimensions,
    embedding,
    champion: version.champion,
    createdAtMs: version.createdAtMs,
    weights: model.weights,
    bias: model.bias,
  });
  return { version: version.version, bytes };
}

/**
 * Reads a file for the head that shall begin with its weights.
 * @param embedding how an image becomes an embedding on the request's backbone, as JSON
 * @returns the model's bytes, once the head is defined
 * @throws LearnerError invalid_argument when the bytes are no head, or of another backbone or other dimensions.
 */
export function readImport(
  request: HeadRequest,
  bytes: Uint8Array,
  embedding: string | undefined,
): (definition: HeadDefinition) => Uint8Array<ArrayBuffer> {
  const file = decodeHeadFile(bytes);
  const { head, version, classes, dimensions, weights, bias } = file;
  checkBackbone(file, request, embedding);
  if (dimensions !== request.dimensions) {
    throw refuse(`its embeddings have ${dimensions} values, those of '${request.backbone}' ${request.dimensions}`);
  }
  if (classes.length > request.maxClasses) {
    throw refuse(`it has ${classes.length} classes, more than max_classes ${request.maxClasses}`);
  }
  // Where it came from tells these bytes from those of any version, which are removed when the version is; the log needs these for ever.
  const origin = { importedFrom: { head, version } };
  return (definition) => encodeModel(definition, { classes, dimensions, weights, bias }, origin);
}

/** An identity covers the image settings, so the file's own are only told apart for who reads the error. */
function checkBackbone(file: HeadFile, request: HeadRequest, embedding: string | undefined): void {
  if (file.backboneIdentity === request.backboneIdentity) return;
  const made = `it was made on backbone '${file.backbone}' (${file.backboneIdentity.slice(0, 12)})`;
  const other = `'${request.backbone}' is another one (${request.backboneIdentity.slice(0, 12)})`;
  throw refuse(`${made}, and ${other}: ${difference(file.embedding, embedding)}`);
}

/** @param there JSON of a file, checked when it was read. */
function difference(there: string | undefined, here: string | undefined): string {
  if (there === undefined || here === undefined) return 'another model, output or image settings';
  const [theirs, ours] = [there, here].map((json) => JSON.parse(json) as Record<string, unknown>) as [
    Record<string, unknown>,
    Record<string, unknown>,
  ];
  const differing = Object.keys(ours)
    .filter((key) => JSON.stringify(theirs[key]) !== JSON.stringify(ours[key]))
    .map((key) => `${key} ${quote(theirs[key])} there and ${quote(ours[key])} here`);
  return differing.length === 0 ? 'another model file' : differing.join(', ');
}

function refuse(problem: string): LearnerError {
  return new LearnerError('invalid_argument', `the head's file: ${problem}`);
}
