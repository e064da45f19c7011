// The generated client: types come from `protos/generated` (made by `npm run build`), descriptors from the .proto files.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { ProtoGrpcType as InferenceTypes } from './generated/grpc_service.js';
import type { ProtoGrpcType as LearningTypes } from './generated/learning.js';

/** The folder that holds the .proto files, from the sources as well as from `dist/`. */
function protoFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, 'protos');
}

/** Descriptors of `inference` and `headwater.v1`: for server reflection. Field names are camelCase, 64-bit integers numbers. */
export const packageDefinition: PackageDefinition = loadSync(['inference/grpc_service.proto', 'headwater/v1/learning.proto'], {
  includeDirs: [protoFolder()],
  keepCase: false,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});

const root = loadPackageDefinition(packageDefinition) as unknown as InferenceTypes & LearningTypes;

/** Service definitions and client constructors of the Open Inference Protocol. */
export const inference = root.inference;

/** Service definitions and client constructors of `headwater.v1`. */
export const learning = root.headwater.v1;

export type { FeedbackRequest__Output } from './generated/headwater/v1/FeedbackRequest.js';
export type { FeedbackResponse } from './generated/headwater/v1/FeedbackResponse.js';
export type { Head, Head__Output } from './generated/headwater/v1/Head.js';
export type { Label, Label__Output } from './generated/headwater/v1/Label.js';
export type { LearningServiceClient } from './generated/headwater/v1/LearningService.js';
export type { LearningServiceHandlers } from './generated/headwater/v1/LearningService.js';
export type { GRPCInferenceServiceClient, GRPCInferenceServiceHandlers } from './generated/inference/GRPCInferenceService.js';
export type { InferParameter, InferParameter__Output } from './generated/inference/InferParameter.js';
export type { ModelInferRequest, ModelInferRequest__Output } from './generated/inference/ModelInferRequest.js';
export type { ModelInferResponse, ModelInferResponse__Output } from './generated/inference/ModelInferResponse.js';
export type { ModelMetadataResponse, ModelMetadataResponse__Output } from './generated/inference/ModelMetadataResponse.js';
