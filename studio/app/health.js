// What the server does, second by second, from its status: the figures of `persona top` as a page.
// Below: what it finds of itself, and what an admin can have it do.

import { useEffect, useState } from '../vendor/runtime.js';
import { call, get, who } from './api.js';
import { bytes } from './figures.js';
import { Button, html, Icon, Notice, Page } from './html.js';
import { t } from './strings.js';
import { ago, at, span } from './time.js';
import { explain, toast, toastError } from './toasts.js';

/** @typedef {import('./types.js').Status} Status */
/** @typedef {import('./types.js').Task} Task */
/** @typedef {{ at: number, requests: number, writes: number, lock: number | null, answerMs: number }} Point */

const EVERY_MS = 2000;
/** Two minutes. */
const POINTS_MAX = 60;
/** What the server finds of itself changes seldom, and costs it a status of its own. */
const FINDINGS_EVERY_MS = 10_000;
/** A rest is told from so many seconds on; a shorter one is over before it is read. */
const REST_SECONDS_TOLD = 10;
/** The progress of a task is read from the memory of the server. */
const TASKS_EVERY_MS = 1000;

/** Calls a function at once and then again and again, each time a while after it has ended.
 * @param {number} ms @param {(signal: AbortSignal) => Promise<void>} act */
function useEvery(ms, act) {
  useEffect(() => {
    const stop = new AbortController();
    /** @type {ReturnType<typeof setTimeout>} */
    let clock;
    const look = async () => {
      await act(stop.signal);
      if (!stop.signal.aborted) clock = setTimeout(look, ms);
    };
    look();
    return () => {
      stop.abort();
      clearTimeout(clock);
    };
  }, []);
}

/** The items of a list of the server, read again and again; null until they have come, and where the
 * server has no such list. @template T @param {string} path @param {number} ms
 * @returns {[T[] | null, (items: T[]) => void]} */
function useItems(path, ms) {
  const [items, setItems] = useState(/** @type {T[] | null} */ (null));
  useEvery(ms, (signal) => get(path, { signal }).then(({ body }) => setItems(body.items), () => {}));
  return [items, setItems];
}

export function Health() {
  const [state, setState] = useState(/** @type {{ status: Status | null, points: Point[], failure: any }} */ ({ status: null, points: [], failure: null }));
  const last = useState({ at: 0, requests: 0, writes: 0 })[0];
  useEvery(EVERY_MS, async (signal) => {
    const began = performance.now();
    try {
      const { body } = await get('status', { signal });
      const now = performance.now();
      const [requests, writes] = /** @type {const} */ (['requests', 'writes']).map((what) => body.workers.reduce((/** @type {number} */ sum, /** @type {any} */ worker) => sum + worker[what], 0));
      const rate = (/** @type {number} */ count, /** @type {number} */ before) => (last.at ? Math.max(0, count - before) / ((now - last.at) / 1000) : 0);
      const point = { at: Date.now(), requests: rate(requests, last.requests), writes: rate(writes, last.writes), lock: body.contention.write_lock_wait_micros?.p99 ?? null, answerMs: now - began };
      Object.assign(last, { at: now, requests, writes });
      setState((before) => ({ status: body, failure: null, points: [...before.points, point].slice(-POINTS_MAX) }));
    } catch (failure) {
      if (!signal.aborted) setState((before) => ({ ...before, failure }));
    }
  });
  const { status, points, failure } = state;
  return html`<${Page} title=${t.health.title} about=${t.health.about}>
    ${failure && html`<${Notice} kind="danger" role="alert" text=${explain(failure)} />`}
    ${status && html`<${Figures} status=${status} points=${points} /><${Findings} />`}
    ${who.value?.scope === 'admin' && !who.value.owner && html`<${Tasks} />`}
    ${status && html`<${Processes} status=${status} />`}
    ${!status && !failure && html`<p class="hint" role="status">${t.common.loading}</p>`}
  </${Page}>`;
}

const micros = (/** @type {number | null | undefined} */ value) => (value === null || value === undefined ? '–' : value < 1000 ? `${value} µs` : `${(value / 1000).toLocaleString('en', { maximumFractionDigits: 1 })} ms`);

const rateOf = (/** @type {number} */ rate = 0) => rate.toLocaleString('en', { maximumFractionDigits: rate < 10 ? 1 : 0 });

/** @param {{ status: Status, points: Point[] }} props */
function Figures({ status, points }) {
  const words = t.health.cards;
  const waiting = status.workers.reduce((sum, worker) => sum + worker.queue_depth, 0);
  const cache = status.read_cache;
  const hits = cache && cache.hits + cache.misses ? `${Math.floor((100 * cache.hits) / (cache.hits + cache.misses))} %` : '–';
  const point = points.at(-1);
  /** @type {[string, string, string][]} */
  const figures = [
    [words.personas, status.personas.toLocaleString('en'), `${status.backend} ${status.engine_version}`],
    [words.database, bytes(status.database_bytes), words.journal(status.journal_mode ?? '', status.durability)],
    ...(status.wal_bytes === null ? [] : [/** @type {[string, string, string]} */ ([words.wal, bytes(status.wal_bytes), status.wal_bytes_max ? words.most(bytes(status.wal_bytes_max)) : ''])]),
    ...(status.disk?.free_bytes ? [/** @type {[string, string, string]} */ ([words.disk, bytes(status.disk.free_bytes), status.file_system ?? ''])] : []),
    [words.queue, waiting.toLocaleString('en'), words.waited(micros(status.contention.queue_wait_micros.p99))],
    [words.writes, rateOf(point?.writes), ''],
    ...(status.write_lock ? [/** @type {[string, string, string]} */ ([words.hold, micros(status.contention.write_lock_hold_micros?.p99), ''])] : []),
    [words.work, status.requests_in_flight.toLocaleString('en'), words.streams(status.event_streams)],
    ...(cache ? [/** @type {[string, string, string]} */ ([words.cache, hits, words.kept(bytes(cache.bytes))])] : []),
    ...(status.backups ? [/** @type {[string, string, string]} */ ([words.backup, status.backups.last_at ? ago(status.backups.last_at) : t.health.never, ''])] : []),
    [words.uptime, span(status.uptime_ms), words.version(status.version)],
  ];
  return html`<div class="charts">
      <${Chart} title=${words.requests} value=${rateOf(point?.requests)} points=${points.map((point) => point.requests)} text=${(/** @type {number} */ one) => one.toFixed(1)} />
      ${status.write_lock && html`<${Chart} title=${words.lock} value=${micros(status.contention.write_lock_wait_micros?.p99)} points=${points.map((point) => point.lock ?? 0)} text=${micros} />`}
      <${Chart} title=${t.health.latency} value=${`${(point?.answerMs ?? 0).toFixed(1)} ms`} points=${points.map((point) => point.answerMs)} text=${(/** @type {number} */ one) => `${one.toFixed(1)} ms`} />
    </div>
    <dl class="figures">${figures.map(([name, value, more]) => html`<div key=${name}><dt>${name}</dt><dd>${value}<span>${more}</span></dd></div>`)}</dl>`;
}

/** A text of the server, with its times as ages. @param {string} text */
const withAges = (text) => text.replace(/(?:at |of )?(\d{4}-\d\d-\d\dT[\d:.]+Z)/g, (_, time) => ago(time));

/** What the server finds of itself: what is wrong, with its cure, and then what is well. */
function Findings() {
  const [found] = useItems(/** @type {any} */ ('server/findings'), FINDINGS_EVERY_MS);
  if (!found) return null;
  const wrong = found.filter((/** @type {any} */ one) => one.cure);
  const well = found.filter((/** @type {any} */ one) => !one.cure);
  // What the server cannot say yet is shown, and is not counted.
  const known = well.filter((/** @type {any} */ one) => !/^not known/.test(one.text));
  return html`<section class="block"><h2>${t.health.findings}</h2>
    ${wrong.length ? html`<ul class="findings">${wrong.map((/** @type {any} */ one) => html`<li key=${one.check} class=${one.level}><${Icon} name="warn" /><div><strong>${one.check}</strong><p>${withAges(one.text)}</p><p>${t.health.cure(one.cure)}</p></div></li>`)}</ul>`
      : html`<${Notice} kind="good" text=${t.health.allWell} />`}
    <details><summary>${t.health.well(known.length)}</summary><dl>${well.map((/** @type {any} */ one) => html`<div key=${one.check}><dt>${one.check}</dt><dd>${withAges(one.text)}</dd></div>`)}</dl></details></section>`;
}

/** What an admin can have the server do, with what came of the last time. */
function Tasks() {
  const [tasks, setTasks] = useItems('server/tasks', TASKS_EVERY_MS);
  const words = t.health.tasks;
  const all = /** @type {Task[]} */ (tasks ?? []);
  const isBusy = all.some(isUnderWay);
  const begin = (/** @type {Task} */ { kind }) => call('POST', `server/${kind}`).then(({ body }) => setTasks(all.map((one) => (one.kind === kind ? body : one))), toastError);
  const restart = () => call('POST', 'server/restart').then(() => toast(t.health.restarting), toastError);
  return html`<section class="block"><h2>${t.health.actions}</h2><ul class="rows">
    ${all.map((one) => html`<${Row} key=${one.kind} words=${words[one.kind]} about=${one.not_offered} disabled=${isBusy || one.rests_for_seconds > 0} onClick=${() => begin(one)}>
      <p role="status">${result(one)}</p>${isUnderWay(one) && html`<progress aria-label=${words[one.kind][0]} ...${one.total && { max: one.total, value: one.done }} />`}</${Row}>`)}
    <${Row} words=${words.restart} onClick=${restart} /></ul></section>`;
}

/** @param {{ words: string[], about?: string, children?: any, [more: string]: any }} props */
function Row({ words: [title, usual, action], about, children, ...more }) {
  return html`<li><div><strong>${title}</strong><p class="hint">${about ?? usual}</p>${children}</div>${!about && html`<${Button} ...${more}>${action}</${Button}>`}</li>`;
}

/** @param {Task} task */
const isUnderWay = ({ state }) => state === 'waiting' || state === 'running';

/** What became of a task. @param {Task} task */
function result(task) {
  const words = t.health.results;
  if (isUnderWay(task)) return `${task.step ?? words.waiting}…`;
  if (!task.ended_at) return '';
  const when = ago(task.ended_at);
  if (task.state === 'failed') return words.failed(when);
  const { bytes: size, personas, problems, rests_for_seconds: rest } = task;
  return [words.done(when), size && bytes(size), personas !== null && t.gallery.total(personas), problems !== null && words.problems(problems), rest > REST_SECONDS_TOLD && words.rests(span(rest * 1000))].filter(Boolean).join(' · ');
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

// A line over the time since the page was opened, two minutes at most, as SVG.

const WIDTH = 240;
const HEIGHT = 48;

/** @param {{ title: string, value: string, points: number[], text: (value: number) => string }} props */
function Chart({ title, value, points, text }) {
  const high = Math.max(...points, 1e-9);
  const low = points.length ? Math.min(...points) : 0;
  const x = (/** @type {number} */ place) => (WIDTH * place) / Math.max(points.length - 1, 1);
  const y = (/** @type {number} */ one) => HEIGHT - 2 - ((HEIGHT - 6) * one) / (high * 1.1);
  const line = points.map((one, place) => `${x(place).toFixed(1)} ${y(one).toFixed(1)}`).join('L');
  return html`<figure class="chart"><figcaption>${title}<strong>${value}</strong></figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${t.health.chart(title, text(low), text(high))}>
      ${points.length > 1 && html`<path class="area" d=${`M${x(0).toFixed(1)} ${HEIGHT}L${line}L${WIDTH} ${HEIGHT}Z`} /><path class="line" d=${`M${line}`} />`}
    </svg></figure>`;
}
