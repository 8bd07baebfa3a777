// What producer and worker share; the same figures as in bench/harness/src/jobs.rs.
'use strict';

const AT_ONCE = 64;
const WARM_UP_MS = 700;
const PAUSE_MS = 800;
const IDLE_MS = 300;

function connection(url) {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port), maxRetriesPerRequest: null };
}

/** Ends this process when the one that started it is gone. */
function endWithParent() {
  process.stdin.on('end', () => process.exit(0));
  process.stdin.resume();
}

function say(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function unixUs() {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

module.exports = { AT_ONCE, WARM_UP_MS, PAUSE_MS, IDLE_MS, connection, endWithParent, say, sleep, unixUs };
