// Times as texts for people, and the exact time beside them.

import { signal } from '../vendor/runtime.js';

const MINUTE = 60_000;
const ages = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const exact = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
const hour = new Intl.DateTimeFormat('en', { timeStyle: 'short' });
const day = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });

/** The present time, renewed every minute: components that show ages are drawn again with it. */
export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), MINUTE);

/** @param {string} time */
export function ago(time) {
  const at = Date.parse(time);
  const seconds = (at - Math.max(now.value, at)) / 1000;
  if (seconds > -45) return 'just now';
  if (seconds > -45 * 60) return ages.format(Math.round(seconds / 60), 'minute');
  if (seconds > -22 * 3600) return ages.format(Math.round(seconds / 3600), 'hour');
  if (seconds > -26 * 86_400) return ages.format(Math.round(seconds / 86_400), 'day');
  return day.format(at);
}

/** @param {string} time */
export const at = (time) => exact.format(Date.parse(time));

/** @param {string} time */
export const dayOf = (time) => day.format(Date.parse(time));

/** @param {string} time */
export const timeOf = (time) => hour.format(Date.parse(time));

/** @param {number} ms */
export function span(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 90_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 90 * MINUTE) return `${Math.round(ms / MINUTE)} min`;
  if (ms < 36 * 60 * MINUTE) return `${Math.round(ms / (60 * MINUTE))} h`;
  return `${Math.round(ms / (24 * 60 * MINUTE))} d`;
}
