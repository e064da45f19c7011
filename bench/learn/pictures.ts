import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChartLine, lineChart } from '../report/line-chart.js';
import { packageFolder } from '../shared-folder.js';
import type { CurveName } from './curves.js';
import type { PairResult } from './results.js';

/** The backbone that pictures are of. */
const BACKBONE = 'mobilenetv1_pruned75';

/** What lies under everything else comes first. Colours that are told apart without red and green. */
const STYLES: readonly (Omit<ChartLine, 'y'> & { readonly name: CurveName })[] = [
  { name: 'sgd', light: '#57606a', dark: '#9198a1', width: 1.6 },
  { name: 'refit', light: '#bc4c00', dark: '#f0883e', width: 1.6 },
  { name: 'slda', light: '#8250df', dark: '#bc8cff', width: 1.6 },
  { name: 'rls', light: '#0a7f78', dark: '#39c5bb', width: 1.6 },
  { name: 'blend', light: '#0969da', dark: '#58a6ff', width: 2.4 },
  { name: 'auto', light: '#1f2328', dark: '#e6edf3', width: 2.4, dashes: '2 7' },
];

export interface Picture {
  /** Below docs/. */
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

/** One picture a set: prequential accuracy along the stream, of every candidate. */
export function pictures(pairs: readonly PairResult[], backbone = BACKBONE): Picture[] {
  return pairs
    .filter((pair) => pair.backbone === backbone && pair.curve.samples.length > 1)
    .map((pair) => ({
      file: `pictures/learning-${pair.set}.svg`,
      title: `${pair.title}, ${pair.backbone}: accuracy along the stream`,
      svg: picture(pair),
    }));
}

/** Each is tested on every sample before it learns it. */
function picture({ title, backbone, curve, folds }: PairResult): string {
  const lines = STYLES.flatMap((style) => {
    const found = curve.lines.find(({ name }) => name === style.name);
    return found === undefined ? [] : [{ ...style, y: found.accuracy }];
  });
  return lineChart({
    title: `${title} on ${backbone}`,
    xTitle: `samples learned (mean of ${folds.length} passes)`,
    yTitle: `right before learned, last ${curve.window}`,
    x: curve.samples,
    lines,
  });
}

export function writePictures(made: readonly Picture[]): void {
  for (const { file, svg } of made) writeFileSync(join(packageFolder(), 'docs', file), svg);
}

/** For a page in docs/. */
export function embedded(made: readonly Picture[]): string[] {
  return made.map(({ file, title }) => `![${title}](${file})`);
}
