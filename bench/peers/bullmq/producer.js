// BullMQ as the benchmark of queues starts it: `node producer.js URL SECONDS` keeps 64 `Queue.add`
// under way for a warm-up and then for so long, and says what it did in a line of JSON.
'use strict';

const { Queue } = require('bullmq');
const { AT_ONCE, WARM_UP_MS, PAUSE_MS, connection, endWithParent, say, sleep, unixUs } = require('./shared');

const [url, seconds] = process.argv.slice(2);
const payload = 'x'.repeat(64);

async function burst(queue, ms) {
  const until = performance.now() + ms;
  const counts = { stored: 0, failed: 0 };
  const caller = async () => {
    while (performance.now() < until) {
      try {
        await queue.add('run', payload, { removeOnComplete: true });
        counts.stored += 1;
      } catch {
        counts.failed += 1;
        await sleep(1);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  return counts;
}

async function main() {
  endWithParent();
  const queue = new Queue('run', { connection: connection(url) });
  await queue.waitUntilReady();
  say(true);
  const warmUp = await burst(queue, WARM_UP_MS);
  await sleep(PAUSE_MS);
  const began_us = unixUs();
  const counts = await burst(queue, Number(seconds) * 1000);
  say({ warm_up: warmUp.stored, jobs: counts.stored, began_us, ended_us: unixUs(), failed: counts.failed });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
