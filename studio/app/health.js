// What the server does, second by second, from its status: the figures of `persona top` as a page.

import { useEffect, useState } from '../vendor/runtime.js';
import { call, get, who } from './api.js';
import { bytes } from './figures.js';
import { html, Icon } from './html.js';
import { t } from './strings.js';
import { ago, at, span } from './time.js';
import { explain, toast, toastError } from './toasts.js';

/** @typedef {import('./types.js').Status} Status */
/** @typedef {{ at: number, requests: number, lock: number | null, answerMs: number }} Point */

const EVERY_MS = 2000;
/** Two minutes. */
const POINTS_MAX = 60;

export function Health() {
  const [state, setState] = useState(/** @type {{ status: Status | null, points: Point[], failure: any }} */ ({ status: null, points: [], failure: null }));
  useEffect(() => {
    document.title = `${t.health.title} · ${t.product}`;
    const stop = new AbortController();
    /** @type {ReturnType<typeof setTimeout>} */
    let clock;
    let last = { at: 0, requests: 0 };
    const look = async () => {
      const began = performance.now();
      try {
        const { body } = await get('status', { signal: stop.signal });
        const now = performance.now();
        const requests = body.workers.reduce((/** @type {number} */ sum, /** @type {any} */ worker) => sum + worker.requests, 0);
        const rate = last.at ? Math.max(0, requests - last.requests) / ((now - last.at) / 1000) : 0;
        last = { at: now, requests };
        const point = { at: Date.now(), requests: rate, lock: body.contention.write_lock_wait_micros?.p99 ?? null, answerMs: now - began };
        setState((before) => ({ status: body, failure: null, points: [...before.points, point].slice(-POINTS_MAX) }));
      } catch (failure) {
        if (stop.signal.aborted) return;
        setState((before) => ({ ...before, failure }));
      }
      clock = setTimeout(look, EVERY_MS);
    };
    look();
    return () => {
      stop.abort();
      clearTimeout(clock);
    };
  }, []);
  const { status, points, failure } = state;
  return html`<div class="page">
    <header class="page-head"><h1 tabindex="-1">${t.health.title}</h1><p class="hint">${t.health.about}</p></header>
    ${failure && html`<p class="notice danger" role="alert"><${Icon} name="warn" />${explain(failure)}</p>`}
    ${status && html`<${Figures} status=${status} points=${points} /><${Findings} status=${status} /><${Processes} status=${status} />`}
    ${who.value?.scope === 'admin' && !who.value.owner && html`<section class="block"><h2>${t.health.actions}</h2><p class="hint">${t.health.restartAbout}</p>
      <div><button type="button" class="button" onClick=${restart}>${t.health.restart}</button></div></section>`}
    ${!status && !failure && html`<p class="hint" role="status">${t.common.loading}</p>`}
  </div>`;
}

/** Has the workers replaced. */
const restart = () => call('POST', 'server/restart').then(() => toast(t.health.restarting), toastError);

const micros = (/** @type {number | null | undefined} */ value) => (value === null || value === undefined ? '–' : value < 1000 ? `${value} µs` : `${(value / 1000).toLocaleString('en', { maximumFractionDigits: 1 })} ms`);

/** @param {{ status: Status, points: Point[] }} props */
function Figures({ status, points }) {
  const words = t.health.cards;
  const waiting = status.workers.reduce((sum, worker) => sum + worker.queue_depth, 0);
  const cache = status.read_cache;
  const hits = cache && cache.hits + cache.misses ? `${Math.floor((100 * cache.hits) / (cache.hits + cache.misses))} %` : '–';
  const rate = points.at(-1)?.requests ?? 0;
  /** @type {[string, string, string][]} */
  const figures = [
    [words.personas, status.personas.toLocaleString('en'), `${status.backend} ${status.engine_version}`],
    [words.database, bytes(status.database_bytes), `${status.journal_mode ?? ''} ${status.durability}`.trim()],
    ...(status.wal_bytes === null ? [] : [/** @type {[string, string, string]} */ ([words.wal, bytes(status.wal_bytes), status.wal_bytes_max ? `/ ${bytes(status.wal_bytes_max)}` : ''])]),
    ...(status.disk?.free_bytes ? [/** @type {[string, string, string]} */ ([words.disk, bytes(status.disk.free_bytes), status.file_system ?? ''])] : []),
    [words.queue, waiting.toLocaleString('en'), micros(status.contention.queue_wait_micros.p99)],
    ...(cache ? [/** @type {[string, string, string]} */ ([words.cache, hits, bytes(cache.bytes)])] : []),
    ...(status.backups ? [/** @type {[string, string, string]} */ ([words.backup, status.backups.last_at ? ago(status.backups.last_at) : t.health.never, ''])] : []),
    [words.uptime, span(status.uptime_ms), status.version],
  ];
  return html`<div class="charts">
      <${Chart} title=${words.requests} value=${rate.toLocaleString('en', { maximumFractionDigits: rate < 10 ? 1 : 0 })} points=${points.map((point) => point.requests)} text=${(/** @type {number} */ one) => one.toFixed(1)} />
      ${status.write_lock && html`<${Chart} title=${words.lock} value=${micros(status.contention.write_lock_wait_micros?.p99)} points=${points.map((point) => point.lock ?? 0)} text=${micros} />`}
      <${Chart} title=${t.health.latency} value=${`${(points.at(-1)?.answerMs ?? 0).toFixed(1)} ms`} points=${points.map((point) => point.answerMs)} text=${(/** @type {number} */ one) => `${one.toFixed(1)} ms`} />
    </div>
    <dl class="figures">${figures.map(([name, value, more]) => html`<div key=${name}><dt>${name}</dt><dd>${value}<span>${more}</span></dd></div>`)}</dl>`;
}

/** @param {{ status: Status }} props */
function Findings({ status }) {
  const found = findings(status);
  return html`<section class="block"><h2>${t.health.findings}</h2>
    ${found.length ? html`<ul class="findings">${found.map((one) => html`<li key=${one.id} class=${one.grade}><${Icon} name="warn" /><div><strong>${one.title}</strong><p>${one.cure}</p></div></li>`)}</ul>`
      : html`<p class="notice good"><${Icon} name="check" />${t.health.allWell}</p>`}</section>`;
}

/** @param {{ status: Status }} props */
function Processes({ status }) {
  const words = t.health.columns;
  const processes = [...(status.maintenance ? [status.maintenance] : []), ...status.workers];
  return html`<section class="block"><h2 id="processes">${t.health.processes}</h2><div class="scroller" tabindex="0" role="region" aria-labelledby="processes"><table>
    <thead><tr>${[words.slot, words.pid, words.uptime, words.requests, words.writes, words.queue, words.connections, words.restarts].map((name, place) => html`<th key=${name} scope="col" class=${place ? 'number' : ''}>${name}</th>`)}</tr></thead>
    <tbody>${processes.map((one) => html`<tr key=${`${one.slot}-${one.pid}`}><th scope="row">${one.slot ? t.health.worker(one.slot) : t.health.maintenance}</th>
      <td class="number">${one.pid}</td><td class="number" title=${at(one.started_at)}>${span(one.uptime_ms)}</td>
      ${[one.requests, one.writes, one.queue_depth, one.connections, one.restarts].map((value, place) => html`<td key=${place} class="number">${value.toLocaleString('en')}</td>`)}</tr>`)}</tbody>
  </table></div></section>`;
}

// The findings in a status that need attention, each with its cure: the part of `persona doctor` that a
// server can know of itself. A pure function of the status.

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

// A line over the last two minutes, as SVG.

const WIDTH = 240;
const HEIGHT = 48;
const POINTS = 60;

/** @param {{ title: string, value: string, points: number[], text: (value: number) => string }} props */
export function Chart({ title, value, points, text }) {
  const high = Math.max(...points, 1e-9);
  const low = points.length ? Math.min(...points) : 0;
  const x = (/** @type {number} */ place) => (WIDTH * (POINTS - points.length + place)) / (POINTS - 1);
  const y = (/** @type {number} */ one) => HEIGHT - 2 - ((HEIGHT - 6) * one) / (high * 1.1);
  const line = points.map((one, place) => `${x(place).toFixed(1)} ${y(one).toFixed(1)}`).join('L');
  return html`<figure class="chart"><figcaption>${title}<strong>${value}</strong></figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${t.health.chart(title, text(low), text(high))}>
      ${points.length > 1 && html`<path class="area" d=${`M${x(0).toFixed(1)} ${HEIGHT}L${line}L${WIDTH} ${HEIGHT}Z`} /><path class="line" d=${`M${line}`} />`}
    </svg></figure>`;
}
