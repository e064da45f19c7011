// What each method asks for before any of its messages is read. Which head is meant stands in the message: the services
// demand the scope for that one. A method without an entry is refused.
import type { Scope } from './caller.js';

/** `health`: open unless configured otherwise; `anyone`: any credentials, the answer shows what they may see. */
export type Need = 'health' | 'anyone' | readonly Scope[];

const INFER: Need = ['infer'];
const LABEL: Need = ['label'];
const ADMIN: Need = ['admin'];
/** To look at a head: whoever may do something with it. */
const SEE: Need = ['infer', 'label', 'admin'];

const service = (name: string, methods: Readonly<Record<string, Need>>): [string, Need][] =>
  Object.entries(methods).map(([method, need]) => [`/${name}/${method}`, need]);

export const METHODS: ReadonlyMap<string, Need> = new Map([
  ...service('grpc.health.v1.Health', { Check: 'health', Watch: 'health', List: 'health' }),
  ...service('grpc.reflection.v1.ServerReflection', { ServerReflectionInfo: 'anyone' }),
  ...service('grpc.reflection.v1alpha.ServerReflection', { ServerReflectionInfo: 'anyone' }),
  ...service('inference.GRPCInferenceService', {
    ServerLive: 'health',
    ServerReady: 'health',
    ServerMetadata: 'anyone',
    ModelReady: INFER,
    ModelMetadata: INFER,
    ModelConfig: INFER,
    ModelStatistics: INFER,
    ModelInfer: INFER,
    ModelStreamInfer: INFER,
    RepositoryIndex: 'anyone',
    RepositoryModelLoad: ADMIN,
    RepositoryModelUnload: ADMIN,
    SystemSharedMemoryStatus: INFER,
    SystemSharedMemoryRegister: INFER,
    SystemSharedMemoryUnregister: INFER,
    CudaSharedMemoryStatus: INFER,
    CudaSharedMemoryRegister: INFER,
    CudaSharedMemoryUnregister: INFER,
    TraceSetting: ADMIN,
    LogSettings: ADMIN,
  }),
  ...service('headwater.v1.LearningService', {
    Feedback: LABEL,
    StreamFeedback: LABEL,
    ListHeads: 'anyone',
    GetHead: SEE,
    WatchHead: SEE,
    CreateHead: ADMIN,
    DeleteHead: ADMIN,
    RollbackHead: ADMIN,
    PromoteHead: ADMIN,
    SetLearners: ADMIN,
    DeleteClass: ADMIN,
    RenameClass: ADMIN,
    ExportHead: ADMIN,
    ImportHead: ADMIN,
  }),
]);
