import { relativeDifference } from '../../src/engine/statistics.js';
import { EngineClient } from '../measure/engine-client.js';
import type { EngineSetting } from '../measure/engine-process.js';
import { interleave, timeRatio } from '../measure/interleave.js';
import { correlation, spread } from '../measure/statistics.js';
import type { BenchNetwork } from '../networks/catalogue.js';
import type { ModelFiles } from './model-files.js';
import type { MeasurePlan } from './plan.js';
import { restMs, settings } from './plan.js';
import type { ContestantName, NetworkResult } from './results.js';
import { contestantNames } from './results.js';

/** All contestants on one network, in both of the table's settings. */
export async function measureNetwork(
  network: BenchNetwork,
  files: ModelFiles,
  plan: MeasurePlan,
): Promise<NetworkResult[]> {
  const spec = network.make();
  const model = files.writeModel(network.name, spec);
  const input = await files.writeInputs(network);
  const dense = await files.writeInt8(network);
  const { size } = network;
  const results: NetworkResult[] = [];
  for (const { batch, threads } of settings) {
    const output = spec.outputs[0]!.name;
    const common = { output, size, batch, threads, input, isa: 'auto' } as const;
    const contestants: Partial<Record<ContestantName, EngineSetting>> = {
      sparse: { ...common, engine: plan.ours, model },
      ...(network.prototype && { sparseAvx2: { ...common, engine: plan.ours, model, isa: 'avx2' } }),
      fp32: { ...common, engine: 'onnxruntime', model },
      int8: { ...common, engine: 'onnxruntime', model: dense.int8 },
    };
    const result = await measureSetting(network, contestants, dense.fp32, plan);
    plan.log(summary(result));
    results.push(result);
  }
  return results;
}

type Clients = Partial<Record<ContestantName, EngineClient>>;

async function measureSetting(
  network: BenchNetwork,
  contestants: Partial<Record<ContestantName, EngineSetting>>,
  dense: string,
  plan: MeasurePlan,
): Promise<NetworkResult> {
  const { batch, threads } = contestants.fp32!;
  const clients: Clients = {};
  const refusals: string[] = [];
  try {
    for (const name of contestantNames) {
      const setting = contestants[name];
      if (setting === undefined) continue;
      try {
        clients[name] = await EngineClient.open(setting);
      } catch (error) {
        refusals.push(`${name}: ${(error as Error).message}`);
      }
    }
    const turns = contestantNames.flatMap((name) => clients[name]?.contestant(name) ?? []);
    const rounds = await interleave(turns, { rounds: plan.pairs, restMs: restMs(threads) });
    const times = (name: ContestantName) =>
      clients[name] === undefined ? undefined : spread(rounds.map((round) => round[name]!));
    const { name, title, target, int8Target, prototype, photos } = network;
    return {
      ...{ name, title, target, int8Target, prototype, batch, threads, pairs: plan.pairs, refusals },
      isa: clients.sparse?.isa ?? '',
      inputs: photos === undefined ? 'random' : 'photos',
      milliseconds: {
        sparse: times('sparse'),
        sparseAvx2: times('sparseAvx2'),
        fp32: times('fp32'),
        int8: times('int8'),
      },
      sparse: timeRatio(rounds, 'fp32', 'sparse'),
      avx2: timeRatio(rounds, 'fp32', 'sparseAvx2'),
      sparseOverInt8: timeRatio(rounds, 'int8', 'sparse'),
      int8OverFp32: timeRatio(rounds, 'fp32', 'int8'),
      ...(await compareOutputs(clients, { ...contestants.fp32!, model: dense })),
    };
  } finally {
    for (const client of Object.values(clients)) await client.stop();
  }
}

async function compareOutputs({ sparse, sparseAvx2, fp32, int8 }: Clients, dense: EngineSetting) {
  const reference = await fp32?.output();
  const differenceOf = async (client: EngineClient | undefined) =>
    client && reference && relativeDifference(await client.output(), reference);
  return {
    difference: await differenceOf(sparse),
    avx2Difference: await differenceOf(sparseAvx2),
    int8Correlation: int8 && (await correlationWith(int8, dense)),
  };
}

async function correlationWith(int8: EngineClient, dense: EngineSetting): Promise<number> {
  const reference = await EngineClient.open(dense);
  try {
    return correlation(await int8.output(), await reference.output());
  } finally {
    await reference.stop();
  }
}

function summary({ name, batch, threads, sparse, int8OverFp32, refusals }: NetworkResult): string {
  const ratio = sparse === undefined ? 'did not run' : `${sparse.median.toFixed(2)}x`;
  const int8 = int8OverFp32 === undefined ? '' : `, INT8 ${int8OverFp32.median.toFixed(2)}x`;
  const why = refusals.map((refusal) => `\n  ${refusal}`).join('');
  return `${name}, batch ${batch}, ${threads} thread(s): ${ratio}${int8}${why}`;
}
