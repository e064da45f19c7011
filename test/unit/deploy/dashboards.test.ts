// What a dashboard must have to be read: places of their own, names, units, a word on what is shown.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from '../../support/repository.js';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly refId: string; readonly legendFormat?: string; readonly instant?: boolean }[];
}

const WIDTH = 24;
const folder = join(ROOT, 'deploy', 'grafana', 'dashboards');

for (const file of readdirSync(folder)) {
  const dashboard = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const panels = dashboard.panels as Panel[];
  const charts = panels.filter(({ type }) => type !== 'row');

  describe(`dashboard ${file}`, () => {
    it('has a place for each panel: none overlap, and no hole is left that Grafana would close', () => {
      const taken = new Map<string, string>();
      for (const { title, gridPos } of panels) {
        assert.ok(gridPos.x >= 0 && gridPos.x + gridPos.w <= WIDTH, title);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            assert.equal(taken.get(`${x} ${y}`), undefined, `${title} at ${x}, ${y}`);
            taken.set(`${x} ${y}`, title);
          }
        }
      }
      for (const { title, gridPos } of panels.filter(({ gridPos }) => gridPos.y > 0)) {
        const above = Array.from({ length: gridPos.w }, (_, index) =>
          taken.has(`${gridPos.x + index} ${gridPos.y - 1}`),
        );
        assert.ok(above.includes(true), `${title} hangs in the air`);
      }
    });

    it('names each panel once, with a unit and a description', () => {
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
      assert.equal(new Set(charts.map(({ title }) => title)).size, charts.length);
      for (const { title, description, fieldConfig, targets } of charts) {
        assert.ok(title.length > 2);
        assert.ok((description ?? '').length > 10, `${title}: no description`);
        assert.ok(fieldConfig?.defaults.unit, `${title}: no unit`);
        assert.ok(targets !== undefined && targets.length > 0, `${title}: nothing is asked`);
        assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
      }
    });

    it('says what its lines are', () => {
      for (const { title, type, targets } of charts) {
        if (type === 'timeseries') for (const { legendFormat } of targets ?? []) assert.ok(legendFormat, title);
      }
    });
  });
}
