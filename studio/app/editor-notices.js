// What happened to the persona besides the writing: merges, drafts that came back, refusals.

import { html } from './html.js';
import { Icon } from './icons.js';
import { t } from './strings.js';
import { toastError } from './toast.js';

/** The name of a field for people. @param {string} name */
export const fieldName = (name) => t.editor.fields[/** @type {keyof typeof t.editor.fields} */ (name)] ?? name;

/** @param {{ session: import('./session.js').Session, onDecide: () => void }} props */
export function Notices({ session, onDecide }) {
  const notice = session.notice.value;
  const errors = Object.entries(session.errors.value);
  const open = Object.keys(session.both.value).length;
  const names = notice?.fields.map(fieldName).join(', ') ?? '';
  const by = notice?.by || t.editor.someone;
  return html`<div class="notices" role="status" aria-live="polite">
    ${session.server.value.deleted_at || session.trouble.value === 'gone' ? html`<p class="notice danger"><${Icon} name="trash" /><span>${session.trouble.value === 'gone' ? t.editor.status.gone : t.editor.deletedHere}</span>
      <button type="button" class="button" onClick=${() => session.undelete().catch(toastError)}>${t.editor.restore}</button></p>` : null}
    ${open > 0 && html`<p class="notice warn"><${Icon} name="warn" /><span>${t.conflict.open(open)}: ${Object.keys(session.both.value).map(fieldName).join(', ')}</span><button type="button" class="button" onClick=${onDecide}>${t.editor.decide}</button></p>`}
    ${session.wasRestored.value && html`<p class="notice"><${Icon} name="undo" /><span>${t.editor.restoredDraft}</span>
      <button type="button" class="button icon-only quiet" aria-label=${t.common.close} onClick=${() => (session.wasRestored.value = false)}><${Icon} name="close" /></button></p>`}
    ${notice && html`<p class="notice good"><${Icon} name="check" /><span>${notice.text === 'merged' ? t.editor.mergedFrom(by, names) : t.editor.changedElsewhere(by, names)}</span>
      <button type="button" class="button icon-only quiet" aria-label=${t.common.close} onClick=${() => (session.notice.value = null)}><${Icon} name="close" /></button></p>`}
    ${!session.hasDraft.value && html`<p class="notice warn"><${Icon} name="warn" /><span>${t.editor.noDraft}</span></p>`}
    ${session.trouble.value === 'failed' && html`<p class="notice danger"><${Icon} name="warn" /><span>${session.why.value}</span></p>`}
    ${errors.length > 0 && html`<div class="notice danger"><${Icon} name="warn" /><ul>${errors.map(([pointer, message]) => html`<li key=${pointer}><code>${pointer || '/'}</code> ${message}</li>`)}</ul></div>`}
  </div>`;
}
