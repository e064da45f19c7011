import { Histogram, type Registry } from 'prom-client';

const EVERY_MS = 10;
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** A process that slept for long (a suspended laptop) is not worth a million ticks. */
const MOST_TICKS = 1000;

/**
 * How late the event loop comes to a timer, as a histogram that can be aggregated over time and processes (prom-client's own gauges can't
 * be, and they contain their timer's grain of 10 ms). A tick that was late by several grains stands for those that it kept from coming.
 */
export function addEventLoopMetric(registry: Registry): void {
  const delays = new Histogram({
    name: 'headwater_event_loop_delay_seconds',
    help: 'How late the event loop is, looked at every 10 ms',
    buckets: BUCKETS,
    registers: [registry],
  });
  let due = performance.now() + EVERY_MS;
  setInterval(() => {
    const now = performance.now();
    let late = Math.max(0, now - due);
    delays.observe(late / 1000);
    for (let ticks = 1; late > EVERY_MS && ticks < MOST_TICKS; ticks++) {
      late -= EVERY_MS;
      delays.observe(late / 1000);
    }
    due = now + EVERY_MS;
  }, EVERY_MS).unref();
}
