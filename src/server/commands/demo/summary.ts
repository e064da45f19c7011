import type { Head__Output } from '../../../../protos/index.js';
import type { HoldoutAccuracy } from '../../client/predict-held-out.js';
import { milliseconds, percent, quantile } from '../../terminal/numbers.js';
import type { AccuracyHistory } from './history.js';

/** What the summary is made of. */
export interface DemoResult {
  readonly drawn: boolean;
  readonly history: AccuracyHistory;
  readonly holdout: HoldoutAccuracy;
  readonly labelled: number;
  readonly trained: number;
  readonly champion: string;
  readonly candidates: Head__Output['learners'];
  readonly seconds: number;
  /** Images a second that were asked for. */
  readonly rate: number;
  /** Of all answers, as the client saw them, in milliseconds. */
  readonly latencies: readonly number[];
  readonly failed: number;
}

export interface DemoPlaces {
  /** How `headwater` is called from here. */
  readonly command: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly config: string;
  readonly natsFile: string;
  readonly head: string;
  readonly backbone: string;
  readonly stay: boolean;
}

/** The end of the demo, in lines. */
export function summaryLines(result: DemoResult): string[] {
  const { history, holdout, labelled, trained, seconds, latencies } = result;
  const first = history.first;
  const latest = history.latest;
  const version = latest?.version ?? 0;
  const what = result.drawn ? 'drawn images (not photos)' : 'images';
  const lines = [
    `${labelled} ${what} predicted and labelled, ${trained} learned, version ${version} is served`,
    `  served accuracy, first ${first?.count ?? 100} labels   ${percent(first?.accuracy)}`,
    `  served accuracy, last 100 labels    ${percent(latest?.servedAccuracy100)}`,
  ];
  if (holdout.count > 0) {
    lines.push(`  accuracy on ${holdout.count} held-out images   ${percent(holdout.accuracy)}`);
  }
  lines.push(
    `  speed                               ${(labelled / seconds).toFixed(1)} images/s (paced at ${result.rate}/s; --rate changes it)`,
    `  latency of an answer                p50 ${milliseconds(quantile(latencies, 0.5))}, p99 ${milliseconds(quantile(latencies, 0.99))}`,
  );
  if (result.failed > 0) lines.push(`  images that failed                  ${result.failed}`);
  lines.push(...candidateLines(result));
  lines.push('Served accuracy and version are read from /metrics: Prometheus sees the same numbers.');
  return lines;
}

/** How the candidates did on the same samples; none when there is no choice. */
function candidateLines({ champion, candidates }: DemoResult): string[] {
  const judged = candidates.flatMap(({ name, accuracy }) => {
    const widest = accuracy.filter(({ count }) => count > 0).at(-1);
    return widest === undefined ? [] : [`${name}${name === champion ? '*' : ''} ${percent(widest.accuracy)}`];
  });
  if (judged.length < 2) return [];
  return ['What could serve, each tested on every sample before learning it (* serves):', `  ${judged.join('  ')}`];
}

/** The commands to try next, with this run's ports and paths. */
export function nextLines(places: DemoPlaces): string[] {
  const { command, grpcPort, httpPort, head, backbone, natsFile, config } = places;
  const server = `--server 127.0.0.1:${grpcPort}`;
  const commands = [
    ['the metrics that Prometheus scrapes', `curl -s http://127.0.0.1:${httpPort}/metrics | grep headwater_served`],
    ['what the head knows, class by class', `${command} heads show ${head} ${server}`],
    ['a head of your own', `${command} heads create mine --backbone ${backbone} ${server}`],
    [
      '... taught with your photos (one folder a class)',
      `${command} feed --data PHOTOS --head mine --holdout 0.2 --nats ${natsFile} ${server}`,
    ],
    ['... and asked', `${command} predict --head mine ${server} PHOTO.jpg`],
  ];
  const intro = places.stay
    ? ['Try next, in another terminal:']
    : [
        'The server ends now. Start it again on what it learned:',
        `  ${command} serve --config ${config}`,
        '',
        'and try next, in another terminal:',
      ];
  return [...intro, ...commands.flatMap(([what, line]) => [`  # ${what}`, `  ${line}`])];
}
