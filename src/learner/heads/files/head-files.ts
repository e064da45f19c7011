import { encodeModel } from '../../fold/model-format.js';
import { decodeSnapshot, encodeSnapshot } from '../../fold/snapshot-container.js';
import type { ExportedHead, HeadRequest } from '../../learning.js';
import { type HeadDefinition, type HeadModel, type HeadVersion, LearnerError } from '../../types.js';
import { decodeHeadFile, encodeHeadFile } from './safetensors.js';

/** One version of a head as a file. */
export function exportHead(definition: HeadDefinition, version: HeadVersion, model: HeadModel | null): ExportedHead {
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
    embedding: undefined,
    champion: version.champion,
    createdAtMs: version.createdAtMs,
    weights: model.weights,
    bias: model.bias,
  });
  return { version: version.version, bytes };
}

/**
 * Reads a file for the head that shall begin with its weights.
 * @returns the model's bytes, once the head is defined
 * @throws LearnerError invalid_argument when the bytes are no head, or of another backbone or other dimensions.
 */
export function readImport(request: HeadRequest, bytes: Uint8Array): (definition: HeadDefinition) => Uint8Array {
  const { head, version, classes, dimensions, weights, bias, backbone, backboneIdentity } = decodeHeadFile(bytes);
  if (backboneIdentity !== request.backboneIdentity) {
    const made = `it was made on backbone '${backbone}' (${backboneIdentity.slice(0, 12)})`;
    throw refuse(`${made}, and '${request.backbone}' is another one (${request.backboneIdentity.slice(0, 12)})`);
  }
  if (dimensions !== request.dimensions) {
    throw refuse(`its embeddings have ${dimensions} values, those of '${request.backbone}' ${request.dimensions}`);
  }
  if (classes.length > request.maxClasses) {
    throw refuse(`it has ${classes.length} classes, more than max_classes ${request.maxClasses}`);
  }
  return (definition) => {
    const { metadata, arrays } = decodeSnapshot(
      'model',
      encodeModel(definition, { classes, dimensions, weights, bias }),
    );
    // Where it came from tells these bytes from those of any version, which are removed when the version is; the log needs these for ever.
    return encodeSnapshot('model', { metadata: { ...(metadata as object), importedFrom: { head, version } }, arrays });
  };
}

function refuse(problem: string): LearnerError {
  return new LearnerError('invalid_argument', `the head's file: ${problem}`);
}
