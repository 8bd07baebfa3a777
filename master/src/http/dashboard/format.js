// Figures as people read them.

/** Calls a second. */
export function rate(perSecond) {
  if (!perSecond) return "0";
  if (perSecond < 0.95) return perSecond.toFixed(2);
  if (perSecond < 100) return perSecond.toFixed(1);
  return count(Math.round(perSecond));
}

/** A number with a thin gap every three digits, or short above a million. */
export function count(number) {
  if (number >= 1e6) return `${(number / 1e6).toFixed(1)} M`;
  return String(number).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** A latency from microseconds. */
export function latency(us) {
  if (us === null || us === undefined) return "–";
  if (us < 1000) return `${us} µs`;
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  return `${(us / 1e6).toFixed(us < 1e7 ? 1 : 0)} s`;
}

/** How long something lasts, from milliseconds: the two largest units. */
export function span(ms) {
  if (ms === null || ms === undefined) return "–";
  const s = Math.floor(ms / 1000);
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** A moment of today, or with its date. */
export function moment(unixMs) {
  const at = new Date(unixMs);
  const time = at.toTimeString().slice(0, 8);
  const sameDay = at.toDateString() === new Date().toDateString();
  return sameDay ? time : `${at.toISOString().slice(0, 10)} ${time}`;
}

/** Worker and variant of a member. */
export const nameOf = (member) => `${member.worker}/${member.variant}`;

/** All calls a second, however they ended. */
export const total = (rates) => rates.ok + rates.failed + rates.not_executed + rates.unknown;

/** Those that did not succeed. */
export const bad = (rates) => rates.failed + rates.not_executed + rates.unknown;
