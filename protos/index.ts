// The generated client: types come from `protos/generated` (made by `npm run build`), descriptors from the .proto files.
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { ProtoGrpcType as InferenceTypes } from './generated/grpc_service.js';
import type { ProtoGrpcType as LearningTypes } from './generated/learning.js';
import { LOAD_OPTIONS, PROTO_FILES } from './load-options.js';

/** Descriptors of `inference` and `headwater.v1`: field names are camelCase, 64-bit integers numbers. */
export const packageDefinition: PackageDefinition = loadSync(PROTO_FILES, LOAD_OPTIONS);

const root = loadPackageDefinition(packageDefinition) as unknown as InferenceTypes & LearningTypes;

/** Service definitions and client constructors of the Open Inference Protocol. */
export const inference = root.inference;

/** Service definitions and client constructors of `headwater.v1`. */
export const learning = root.headwater.v1;

export { reflectionDefinition } from './descriptors.js';
export type { ActResponse, ActResponse__Output } from './generated/headwater/v1/ActResponse.js';
export type { CreateHeadRequest, CreateHeadRequest__Output } from './generated/headwater/v1/CreateHeadRequest.js';
export type { ExportHeadResponse, ExportHeadResponse__Output } from './generated/headwater/v1/ExportHeadResponse.js';
export type { FeedbackRequest, FeedbackRequest__Output } from './generated/headwater/v1/FeedbackRequest.js';
export type { FeedbackResponse, FeedbackResponse__Output } from './generated/headwater/v1/FeedbackResponse.js';
export type { Head, Head__Output } from './generated/headwater/v1/Head.js';
export type { ImportHeadRequest, ImportHeadRequest__Output } from './generated/headwater/v1/ImportHeadRequest.js';
export type { Label, Label__Output } from './generated/headwater/v1/Label.js';
export type { LearningServiceClient, LearningServiceHandlers } from './generated/headwater/v1/LearningService.js';
export type {
  GRPCInferenceServiceClient,
  GRPCInferenceServiceHandlers,
} from './generated/inference/GRPCInferenceService.js';
export type { InferParameter, InferParameter__Output } from './generated/inference/InferParameter.js';
export type { LogSettingsResponse } from './generated/inference/LogSettingsResponse.js';
export type { ModelConfig, ModelConfig__Output } from './generated/inference/ModelConfig.js';
export type { ModelInferRequest, ModelInferRequest__Output } from './generated/inference/ModelInferRequest.js';
export type { ModelInferResponse, ModelInferResponse__Output } from './generated/inference/ModelInferResponse.js';
export type {
  ModelMetadataResponse,
  ModelMetadataResponse__Output,
} from './generated/inference/ModelMetadataResponse.js';
export type { ModelRepositoryParameter__Output } from './generated/inference/ModelRepositoryParameter.js';
export type { ModelStatistics, ModelStatistics__Output } from './generated/inference/ModelStatistics.js';
export type {
  ModelStreamInferResponse,
  ModelStreamInferResponse__Output,
} from './generated/inference/ModelStreamInferResponse.js';
export type {
  RepositoryIndexResponse,
  RepositoryIndexResponse__Output,
} from './generated/inference/RepositoryIndexResponse.js';
