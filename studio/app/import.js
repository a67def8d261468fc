// Import: files are dropped or chosen, the server says what would become of each item, and only
// then it is done. Files wait in memory; leaving the page forgets them.

import { computed, signal, useEffect } from '../vendor/runtime.js';
import { call, mayWrite } from './api.js';
import { bytes } from './figures.js';
import { Button, Choices, html, Icon, Notice, Page } from './html.js';
import { go, personaLink } from './route.js';
import { t } from './strings.js';
import { download, explain, toast } from './toasts.js';

/** @typedef {import('./types.js').ImportItem} ImportItem */
/** @typedef {{ file: File, items: ImportItem[], why: string, isLost?: boolean }} Looked a file, and what is
 *    known of it: a lost one cannot be read any more */

/** Equal to the largest body that the API takes. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;
/** Most rows of the table; the report has all items. */
const ROWS_MAX = 300;
/** @typedef {keyof typeof t.imports.policies} Policy */
const POLICIES = /** @type {[Policy, string][]} */ (Object.entries(t.imports.policies));
/** The results in the order in which they are shown. */
const STATUSES = /** @type {const} */ (['failed', 'differs', 'deleted', 'would_update', 'new', 'created', 'updated', 'unchanged']);
const GRADES = /** @type {Record<string, string>} */ ({ failed: 'danger', differs: 'warn', deleted: 'warn', would_update: 'accent', updated: 'accent', new: 'good', created: 'good' });

/** @type {import('../vendor/runtime.js').Signal<Looked[]>} */
const files = signal(/** @type {Looked[]} */ ([]));
/** @type {import('../vendor/runtime.js').Signal<'choose' | 'checking' | 'checked' | 'running' | 'done'>} */
const phase = signal('choose');
/** @type {import('../vendor/runtime.js').Signal<Policy>} */
const policy = signal('skip');
const rows = computed(() => files.value.flatMap((looked) => looked.items.map((item) => ({ file: looked.file.name, item }))));
/** Counts the runs, so that an answer to an earlier one is not taken for the last. */
let run = 0;

/** @param {Iterable<File>} chosen */
export async function take(chosen) {
  const all = [...chosen];
  if (!all.length) return;
  if (phase.peek() === 'running') return toast(t.imports.busy, { kind: 'error' });
  go('#/import');
  files.value = all.map((file) => ({ file, items: [], why: file.size > FILE_BYTES_MAX ? t.imports.tooLarge(file.name, bytes(FILE_BYTES_MAX)) : '' }));
  await send('validate');
}

/** @param {'validate' | 'run'} mode */
async function send(mode) {
  const own = ++run;
  phase.value = mode === 'validate' ? 'checking' : 'running';
  for (const looked of files.value.filter((one) => one.file.size <= FILE_BYTES_MAX)) {
    let [items, why, isLost] = [/** @type {ImportItem[]} */ ([]), '', false];
    try {
      // A file that cannot be read is told from a server that cannot be reached.
      const body = await looked.file.arrayBuffer().then((read) => new Blob([read]), () => null);
      isLost = !body;
      if (!body) throw new Error(t.imports.unreadable);
      items = (await call('POST', 'import', { body, type: 'application/octet-stream', query: { mode, on_duplicate: policy.peek() }, isLong: true })).body.items;
      if (!items.length) why = t.imports.nothing;
    } catch (error) {
      why = explain(error);
    }
    if (own !== run) return;
    files.value = files.value.map((one) => (one.file === looked.file ? { file: one.file, items: why ? one.items : items, why, isLost } : one));
  }
  phase.value = mode === 'validate' ? 'checked' : 'done';
  if (mode === 'validate') return;
  const done = countOf('created') + countOf('updated');
  // Where nothing came in because of a file, the page says so in its place.
  if (done || !files.value.some((one) => one.why)) toast(t.imports.done(done));
}

/** @param {string} status */
const countOf = (status) => rows.peek().filter((row) => row.item.status === status).length;

/** Looks at the files once more, for another policy. @param {Policy} one */
function choose(one) {
  policy.value = one;
  send('validate');
}

export function Import() {
  const now = phase.value;
  const isBusy = now === 'checking' || now === 'running';
  const isRetry = now === 'done' && files.value.some((one) => one.why && !one.isLost && one.file.size <= FILE_BYTES_MAX);
  const wanted = rows.value.filter((row) => row.item.status === 'new' || row.item.status === 'would_update').length;
  return html`<${Page} title=${t.imports.title} about=${t.imports.about}>
    ${!mayWrite.value ? html`<${Notice} kind="warn" text=${t.imports.readOnly} />` : now === 'choose' ? html`<${Chooser} />` : html`
      ${now !== 'done' && html`<${Choices} legend=${t.imports.onDuplicate} disabled=${isBusy} options=${POLICIES} value=${policy.value} onChoice=${choose} />`}
      <${Sum} isDone=${now === 'done'} />
      ${files.value.filter((one) => one.why).map((one) => html`<${Notice} key=${one.file.name} kind="danger" role="alert" text=${html`<strong>${one.file.name}</strong> ${one.why}`} />`)}
      <${Table} />
      <div class="import-foot"><span role="status">${isBusy ? html`<span class="spinner" aria-hidden="true"></span> ${now === 'checking' ? t.imports.checking : t.imports.running}` : ''}</span>
        <${Button} disabled=${isBusy} onClick=${() => { files.value = []; phase.value = 'choose'; }}>${t.imports.again}</${Button}>
        ${now === 'done' && html`<${Button} icon="export" onClick=${report}>${t.imports.report}</${Button}>`}
        ${now === 'done' && !isRetry ? html`<a class="button primary" href="#/?sort=-created_at">${t.imports.show}</a>`
          : html`<${Button} class="primary" disabled=${isBusy || (!wanted && !isRetry)} onClick=${() => send('run')}>${isRetry ? t.common.retry : t.imports.run(wanted)}</${Button}>`}</div>`}
  </${Page}>`;
}

function Chooser() {
  return html`<label class="drop"><${Icon} name="import" /><strong>${t.imports.drop}</strong><span class="button">${t.imports.choose}</span><span class="hint">${t.imports.kinds}</span>
    <input class="hidden" type="file" multiple accept=".csv,.json,.ndjson,.jsonl" onChange=${(/** @type {any} */ event) => take(event.target.files)} /></label>`;
}

/** @param {{ isDone: boolean }} props */
function Sum({ isDone }) {
  const all = rows.value;
  return html`<h2>${isDone ? t.imports.happened : t.imports.check}</h2><p class="import-sum" role="status">${STATUSES.map((status) => [status, all.filter((row) => row.item.status === status).length]).filter(([, many]) => many)
    .map(([status, many]) => html`<span key=${status} class="badge ${GRADES[status] ?? ''}">${many.toLocaleString('en')} · ${t.imports.statuses[/** @type {keyof typeof t.imports.statuses} */ (status)]}</span>`)}</p>`;
}

function Table() {
  const order = (/** @type {ImportItem} */ item) => STATUSES.indexOf(item.status);
  const all = [...rows.value].sort((one, other) => order(one.item) - order(other.item));
  if (!all.length) return null;
  const words = t.imports.columns;
  return html`<div class="scroller import-table" tabindex="0" role="region" aria-label=${t.imports.check}><table>
    <thead><tr><th scope="col">${words.name}</th><th scope="col">${words.result}</th><th scope="col">${words.why}</th><th scope="col">${words.item}</th></tr></thead>
    <tbody>${all.slice(0, ROWS_MAX).map(({ file, item }) => html`<tr key=${`${file}:${item.line}:${item.index}`}>
      <th scope="row" dir="auto">${item.id && ['created', 'updated', 'unchanged', 'differs'].includes(item.status) ? html`<a href=${personaLink(item.id)}>${item.name}</a>` : item.name || '–'}</th>
      <td><span class="badge ${GRADES[item.status] ?? ''}">${t.imports.statuses[/** @type {keyof typeof t.imports.statuses} */ (item.status)]}</span></td>
      <td class="wraps">${[...(item.errors ?? []), ...(item.warnings ?? [])].join('; ')}</td><td class="hint">${file}:${item.line}${item.index === undefined ? '' : ` [${item.index}]`}</td></tr>`)}</tbody>
  </table>${all.length > ROWS_MAX && html`<p class="hint import-more">${t.imports.more(all.length - ROWS_MAX)}</p>`}</div>`;
}

function report() {
  const all = rows.peek().map(({ file, item }) => ({ file, ...item }));
  download('import-report.json', 'application/json', JSON.stringify({ items: all }, null, 2));
}

const isDragged = signal(false);

/** The whole window takes files, on every screen. */
export function DropZone() {
  useEffect(() => {
    const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files');
    const over = (/** @type {DragEvent} */ event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      isDragged.value = mayWrite.peek();
    };
    const out = (/** @type {DragEvent} */ event) => {
      if (event.relatedTarget === null) isDragged.value = false;
    };
    const drop = (/** @type {DragEvent} */ event) => {
      isDragged.value = false;
      if (!hasFiles(event)) return;
      // Else the browser would leave the page for the file.
      event.preventDefault();
      if (mayWrite.peek()) take(event.dataTransfer?.files ?? []);
    };
    const stop = new AbortController();
    for (const [name, act] of Object.entries({ dragover: over, dragleave: out, drop })) addEventListener(name, /** @type {any} */ (act), { signal: stop.signal });
    return () => stop.abort();
  }, []);
  return isDragged.value ? html`<div class="dropping" aria-hidden="true"><div><${Icon} name="import" /><strong>${t.imports.dropAnywhere}</strong></div></div>` : null;
}
