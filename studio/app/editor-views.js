// What stands around the form of the editor: what happened to the persona besides the writing, the
// preview, the persona as JSON, and the menu.

import { useEffect, useRef, useState } from '../vendor/runtime.js';
import { call, newKey } from './api.js';
import { download } from './download.js';
import { Avatar, html, Icon } from './html.js';
import { MANAGED } from './merge.js';
import { toast, toastError } from './overlay.js';
import { go, lastGallery, personaLink } from './route.js';
import { t } from './strings.js';

// Notices about the persona: merges, restored drafts, refusals.

/** The label of a field. @param {string} name */
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
      <button type="button" class="button writes" onClick=${() => session.undelete().catch(toastError)}>${t.editor.restore}</button></p>` : null}
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

// The texts in the order in which a model reads them, with the names filled in. When the API can
// render a prompt, its result replaces this preview. Markup in texts has no effect.

/** Most characters that the preview shows of a text; the field has the whole text. */
const SHOWN_CHARS_MAX = 4000;
const BEFORE = /** @type {const} */ (['system_prompt', 'description', 'personality', 'scenario', 'mes_example']);

/** @param {{ session: import('./session.js').Session }} props */
export function Preview({ session }) {
  const form = session.form.value;
  const char = form.nickname || form.name || '';
  const filled = (/** @type {string} */ text) => {
    const shown = text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
    return shown.replace(/\{\{(char|user)\}\}/gi, (_, /** @type {string} */ who) => (who.toLowerCase() === 'char' ? char : t.editor.you));
  };
  const texts = BEFORE.filter((name) => form[name]);
  const hasAny = texts.length || form.first_mes || form.post_history_instructions;
  return html`<aside class="preview" aria-label=${t.editor.preview} tabindex="0">
    <header><h2>${t.editor.preview}</h2><p class="hint">${t.editor.previewAbout}</p></header>
    ${!hasAny && html`<p class="hint">${t.editor.previewEmpty}</p>`}
    ${texts.map((name) => html`<section key=${name}><h3>${t.editor.fields[name]}</h3><p class="prose" dir="auto">${filled(form[name])}</p></section>`)}
    ${form.first_mes && html`<section class="said"><${Avatar} name=${form.name || '?'} size="small" /><div><h3 dir="auto">${char}</h3><p class="bubble prose" dir="auto">${acted(filled(form.first_mes))}</p></div></section>`}
    ${form.post_history_instructions && html`<section><h3>${t.editor.fields.post_history_instructions}</h3><p class="prose" dir="auto">${filled(form.post_history_instructions)}</p></section>`}
  </aside>`;
}

/** Marks text between asterisks, which is an action. @param {string} text */
function acted(text) {
  return text.split(/(\*[^*\n]+\*)/).map((part) => (/^\*[^*\n]+\*$/.test(part) ? html`<em>${part.slice(1, -1)}</em>` : part));
}

// The persona as JSON, with all members, also those that the form does not show.

/** @param {{ session: import('./session.js').Session }} props */
export function JsonView({ session }) {
  const [draft, setDraft] = useState(/** @type {string | null} */ (null));
  const [why, setWhy] = useState('');
  const [done, setDone] = useState('');
  const text = draft ?? JSON.stringify(session.form.value, null, 2);
  const apply = () => {
    setDone('');
    let read;
    try {
      read = JSON.parse(text);
    } catch (error) {
      return setWhy(t.json.notJson(/** @type {Error} */ (error).message));
    }
    if (typeof read !== 'object' || read === null || Array.isArray(read)) return setWhy(t.json.notObject);
    const known = session.form.peek();
    const members = Object.fromEntries(Object.entries(read).filter(([name]) => !MANAGED.has(name)));
    const unknown = Object.keys(members).find((name) => !(name in known));
    if (unknown) return setWhy(t.json.unknown(unknown));
    session.setAll(members);
    session.save();
    setDraft(null);
    setWhy('');
    setDone(t.json.applied);
  };
  return html`<div class="json">
    <p class="hint" id="json-about">${t.json.about}</p>
    <textarea class="code" aria-label=${t.json.label} aria-describedby="json-about json-why" aria-invalid=${why ? 'true' : undefined} spellcheck=${false} rows="28" value=${text} onInput=${(/** @type {any} */ event) => { setDraft(event.target.value); setWhy(''); setDone(''); }}></textarea>
    <p id="json-why" class="error" role="alert">${why}</p>
    <div class="dialog-foot"><span class="hint" role="status">${done}</span><button type="button" class="button" disabled=${draft === null} onClick=${() => { setDraft(null); setWhy(''); }}>${t.json.reset}</button>
      <button type="button" class="button primary writes" disabled=${draft === null} onClick=${apply}>${t.json.apply}</button></div>
  </div>`;
}

// What else can be done with a persona: a button that opens a short list of buttons.

/** @param {{ session: import('./session.js').Session }} props */
export function Menu({ session }) {
  const [open, setOpen] = useState(false);
  const self = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!open) return undefined;
    /** @type {HTMLElement | null | undefined} */ (self.current?.querySelector('ul button'))?.focus();
    const outside = (/** @type {Event} */ event) => !self.current?.contains(/** @type {Node} */ (event.target)) && setOpen(false);
    addEventListener('pointerdown', outside);
    return () => removeEventListener('pointerdown', outside);
  }, [open]);
  const run = (/** @type {() => Promise<any> | void} */ act) => async () => {
    setOpen(false);
    try {
      await act();
    } catch (error) {
      toastError(error);
    }
  };
  const actions = [
    { text: t.editor.duplicate, icon: 'copy', writes: true, act: () => duplicate(session) },
    { text: t.editor.exportOne, icon: 'export', act: () => download(`${fileName(session.form.peek().name)}.json`, 'application/json', JSON.stringify(session.server.peek(), null, 2)) },
    { text: t.editor.copyId, icon: 'tag', act: async () => { await navigator.clipboard.writeText(session.id); toast(t.common.copied); } },
    { text: t.editor.delete, icon: 'trash', danger: true, writes: true, act: () => remove(session) },
  ];
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (!open) return;
    const buttons = [...(self.current?.querySelectorAll('ul button') ?? [])];
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (event.key === 'Escape') {
      event.preventDefault();
      setOpen(false);
      /** @type {HTMLElement | null | undefined} */ (self.current?.querySelector('button'))?.focus();
    } else if (step) {
      event.preventDefault();
      const here = buttons.indexOf(/** @type {Element} */ (document.activeElement));
      /** @type {HTMLElement} */ (buttons[(here + step + buttons.length) % buttons.length]).focus();
    }
  };
  return html`<div class="menu" ref=${self} onKeyDown=${onKeyDown}>
    <button type="button" class="button" aria-expanded=${open ? 'true' : 'false'} aria-controls="editor-menu" onClick=${() => setOpen(!open)}>${t.editor.more}<${Icon} name="down" /></button>
    ${open && html`<ul id="editor-menu">${actions.map((one) => html`<li key=${one.text} class=${one.writes ? 'writes' : ''}><button type="button" class=${one.danger ? 'danger' : ''} onClick=${run(one.act)}><${Icon} name=${one.icon} />${one.text}</button></li>`)}</ul>`}
  </div>`;
}

/** @param {string} name */
const fileName = (name) => name.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '').slice(0, 60) || 'persona';

/** @param {import('./session.js').Session} session */
async function duplicate(session) {
  const { handle: _own, ...document } = session.form.peek();
  const name = t.editor.copyOf(document.name).slice(0, 256);
  const { body } = await call('POST', 'personas', { body: { ...document, name }, headers: { 'Idempotency-Key': newKey() } });
  toast(t.editor.duplicated);
  go(personaLink(body.id));
}

/** @param {import('./session.js').Session} session */
async function remove(session) {
  const name = session.form.peek().name;
  if (session.isDirty.peek()) await session.save();
  await call('DELETE', `personas/${session.id}`, { headers: { 'If-Match': '*' } });
  go(lastGallery.peek());
  const undo = () => call('POST', `personas/${session.id}/undelete`).then(() => go(personaLink(session.id)), toastError);
  toast(t.editor.deleted(name), { action: { text: t.common.undo, act: undo } });
}
