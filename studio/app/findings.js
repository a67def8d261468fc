// What a status shows that needs a look, with what to do: the part of `persona doctor` that a
// server can know of itself. A pure function of the status.

import { t } from './strings.js';

/** @typedef {import('./types.js').Status} Status */
/** @typedef {{ id: string, grade: 'warn' | 'danger', title: string, cure: string }} Finding */

const words = t.health.findingsTexts;
/** A log that is this many times as large as it is to be is not being reset. */
const WAL_TIMES_MAX = 2;

/** @param {Status} status @returns {Finding[]} */
export function findings(status) {
  /** @type {Finding[]} */
  const found = [];
  const add = (/** @type {boolean | null | undefined} */ is, /** @type {keyof typeof words} */ id, /** @type {'warn' | 'danger'} */ grade) => {
    if (is) found.push({ id, grade, title: words[id][0], cure: words[id][1] });
  };
  add(status.disk?.state === 'short', 'disk', 'danger');
  add((status.damage_found ?? 0) > 0, 'damage', 'danger');
  add((status.backups?.failed ?? 0) > 0, 'backupFailed', 'danger');
  add(status.contention.writes_given_up > 0, 'givenUp', 'warn');
  add((status.contention.lock_retries ?? 0) > 0, 'retries', 'warn');
  add(status.wal_bytes !== null && status.wal_bytes_max !== null && status.wal_bytes > WAL_TIMES_MAX * status.wal_bytes_max, 'wal', 'warn');
  add(status.workers.some((worker) => worker.restarts > 0), 'restarts', 'warn');
  return found;
}
