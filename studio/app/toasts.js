// What the page hands to its user: short messages at its edge, and files. A message has at most one
// action, is read out, stays while the pointer or the focus is on it, and the newest three are shown.

import { signal } from '../vendor/runtime.js';
import { Button, html, Icon } from './html.js';
import { t } from './strings.js';

/** @typedef {{ id: number, text: string, kind: 'info' | 'error', action?: { text: string, act: () => void } }} Toast */

const STAY_MS = 8000;
const SHOWN_MAX = 3;
/** @type {import('../vendor/runtime.js').Signal<Toast[]>} */
const toasts = signal([]);
/** @type {Map<number, ReturnType<typeof setTimeout>>} */
const clocks = new Map();
let lastToast = 0;

/** One of the same text takes the place of the earlier one, unless that can be undone still: what is
 * newer undoes the same thing.
 * @param {string} text @param {{ kind?: 'info' | 'error', action?: { text: string, act: () => void }, isNewer?: boolean }} [how] */
export function toast(text, how = {}) {
  const one = { id: ++lastToast, text, kind: how.kind ?? 'info', action: how.action };
  toasts.value = [...toasts.value.filter((other) => other.text !== text || (other.action && !how.isNewer)), one].slice(-SHOWN_MAX);
  start(one.id);
}

/** Tells what went wrong. @param {unknown} error */
export function toastError(error) {
  toast(explain(error), { kind: 'error' });
}

/** What went wrong, in the words of the server where it has some. @param {any} error */
export function explain(error) {
  if (error?.status === 0) return t.failed.offline;
  if (error?.code === 'busy') return t.failed.busy;
  const problem = error?.problem;
  if (!problem) return String(error?.message ?? error);
  const first = problem.errors?.[0];
  const detail = first ? `${first.pointer ? `${first.pointer} ` : ''}${first.message}` : problem.detail;
  return [detail || problem.title || t.failed.unknown(error.status), problem.hint].filter(Boolean).join('. ');
}

/** Takes back what the newest message offers to take back. */
export function undoLast() {
  const one = toasts.peek().findLast(({ action }) => action?.text === t.common.undo);
  if (!one) return;
  dismiss(one.id);
  one.action?.act();
}

/** @param {number} id */
function start(id) {
  hold(id);
  clocks.set(id, setTimeout(() => dismiss(id), STAY_MS));
}
/** @param {number} id */
function hold(id) {
  clearTimeout(clocks.get(id));
}
/** @param {number} id */
function dismiss(id) {
  hold(id);
  clocks.delete(id);
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map((one) => html`<div key=${one.id} class="toast ${one.kind}"
        onPointerEnter=${() => hold(one.id)} onPointerLeave=${() => start(one.id)} onFocusIn=${() => hold(one.id)} onFocusOut=${() => start(one.id)}>
      <${Icon} name=${one.kind === 'error' ? 'warn' : 'check'} />
      <span>${one.text}</span>
      ${one.action && html`<${Button} class="quiet" onClick=${() => { dismiss(one.id); one.action?.act(); }}>${one.action.text}</${Button}>`}
      <${Button} icon="close" name=${t.common.close} onClick=${() => dismiss(one.id)} />
    </div>`)}
  </div>`;
}

/** Copies a text; without TLS a page of another machine may not, in most ways. @param {string} text */
export async function copy(text) {
  const isCopied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  toast(isCopied ? t.common.copied : t.common.byHand(text));
}

// A file for the user, made in the page.

/** How long the browser has to begin a download before the page frees its bytes, in milliseconds. */
const KEEP_MS = 60_000;

/** @param {string} name @param {string} type @param {string} text */
export const download = (name, type, text) => downloadFile(name, new Blob([text], { type }));

/** @param {string} name @param {Blob} file */
export function downloadFile(name, file) {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEEP_MS);
}
