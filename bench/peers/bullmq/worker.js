// BullMQ as the benchmark of queues starts it: `node worker.js URL` runs jobs, 64 at once, and says
// how many were completed whenever nothing came for a while.
'use strict';

const { Worker } = require('bullmq');
const { AT_ONCE, IDLE_MS, connection, endWithParent, say, unixUs } = require('./shared');

const [url] = process.argv.slice(2);

async function main() {
  endWithParent();
  const worker = new Worker('run', async () => {}, { connection: connection(url), concurrency: AT_ONCE });
  let [jobs, told, ended_us] = [0, 0, 0];
  worker.on('completed', () => {
    jobs += 1;
    ended_us = unixUs();
  });
  await worker.waitUntilReady();
  say(true);
  setInterval(() => {
    if (jobs > told && unixUs() - ended_us > IDLE_MS * 1000) {
      told = jobs;
      say({ jobs, ended_us });
    }
  }, 50);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
