import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asQuestion, withVariables } from '../../support/promql.js';

describe('what is asked of Prometheus for an alert', () => {
  it('compares without leaving anything out', () => {
    assert.equal(asQuestion('a > 1'), 'a > bool 1');
    assert.equal(
      asQuestion('(a >= 1 and b != 2) or c == on(x) d'),
      '(a >= bool 1 and b != bool 2) or c == bool on(x) d',
    );
    assert.equal(asQuestion('a < bool 1'), 'a < bool 1');
  });

  it('leaves matchers, strings and ranges alone', () => {
    const expression = 'rate(a{b!="c > d", e=~"f}|<g"}[5m])';
    assert.equal(asQuestion(expression), expression);
    assert.equal(asQuestion(`${expression} <= 0.5`), `${expression} <= bool 0.5`);
  });

  it('asks for what must not be absent', () => {
    assert.equal(asQuestion('absent(up{job="a"})'), '(up{job="a"})');
  });

  it('has the values of a dashboard put in', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: so Grafana writes variables
    assert.equal(withVariables('a{b="$job", c=~"${head}"}', { job: 'j', head: 'h' }), 'a{b="j", c=~"h"}');
    assert.throws(() => withVariables('a{b="$other"}', {}), /\$other/);
  });
});
