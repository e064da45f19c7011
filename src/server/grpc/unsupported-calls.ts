// Triton's calls for what this server does not do. Where the state can be told truthfully it is, so that clients which only look, or
// clean up after themselves, go on; what would change it is refused.
import type { GRPCInferenceServiceHandlers, LogSettingsResponse } from '../../../protos/index.js';
import { StatusError } from '../errors.js';
import { type LogError, unary } from './call.js';

type UnsupportedCall =
  | 'SystemSharedMemoryStatus'
  | 'SystemSharedMemoryRegister'
  | 'SystemSharedMemoryUnregister'
  | 'CudaSharedMemoryStatus'
  | 'CudaSharedMemoryRegister'
  | 'CudaSharedMemoryUnregister'
  | 'TraceSetting'
  | 'LogSettings';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LEVELS)[number];

export function unsupportedCalls(
  logLevel: LogLevel,
  logError: LogError,
): Pick<GRPCInferenceServiceHandlers, UnsupportedCall> {
  const noRegions = async ({ name }: { name: string }) => {
    if (name !== '')
      throw new StatusError('model_unknown', 'no shared memory region is registered: there is none here');
    return { regions: {} };
  };
  const notShared = async (): Promise<never> => {
    throw new StatusError(
      'unsupported',
      'shared memory is not supported: send tensors in the request (raw_input_contents)',
    );
  };
  // None is registered, whichever was meant.
  const gone = async () => ({});
  const readOnly = (settings: object, where: string) => {
    if (Object.keys(settings).length === 0) return;
    throw new StatusError('unsupported', `settings can only be read here: ${where}`);
  };
  return {
    SystemSharedMemoryStatus: unary(noRegions, logError),
    SystemSharedMemoryRegister: unary(notShared, logError),
    SystemSharedMemoryUnregister: unary(gone, logError),
    CudaSharedMemoryStatus: unary(noRegions, logError),
    CudaSharedMemoryRegister: unary(notShared, logError),
    CudaSharedMemoryUnregister: unary(gone, logError),
    TraceSetting: unary(async ({ settings }) => {
      readOnly(settings, 'there are no traces');
      return { settings: { trace_level: { value: ['OFF'] } } };
    }, logError),
    LogSettings: unary(async ({ settings }) => {
      readOnly(settings, "the log's level is the configuration's log.level");
      return { settings: logSettings(logLevel) };
    }, logError),
  };
}

/** The configured level in Triton's words. */
function logSettings(level: LogLevel): NonNullable<LogSettingsResponse['settings']> {
  const shows = (wanted: LogLevel) => LEVELS.indexOf(level) <= LEVELS.indexOf(wanted);
  const flag = (boolParam: boolean) => ({ boolParam, parameterChoice: 'boolParam' as const });
  const verbose = shows('trace') ? 2 : shows('debug') ? 1 : 0;
  return {
    log_info: flag(shows('info')),
    log_warning: flag(shows('warn')),
    log_error: flag(shows('error')),
    log_verbose_level: { uint32Param: verbose, parameterChoice: 'uint32Param' },
  };
}
