// The head of the editor: the name, what is saved, the menu, the notices, and saving with a note.

import { useLayoutEffect, useRef, useState } from '../vendor/runtime.js';
import { call, newKey } from './api.js';
import { Avatar, Button, colourOf, html, Icon, noteHeight, Notice } from './html.js';
import { Box, FormDialog } from './overlay.js';
import { Presence } from './presence.js';
import { go, lastGallery, personaLink } from './route.js';
import { t } from './strings.js';
import { at } from './time.js';
import { copy, download, toast, toastError } from './toasts.js';

/** @typedef {import('./session.js').Session} Session */

export const VIEWS = /** @type {const} */ (['write', 'preview', 'history', 'json']);

/** @param {{ session: Session, name: string, view: string, onDecide: () => void }} props */
export function Head({ session, name, view, onDecide }) {
  const server = session.server.value;
  const kind = session.member('kind').value.value;
  return html`<header class="editor-head" ref=${noteHeight}>
    <div class="editor-title">
      <a class="button icon-only quiet" href=${lastGallery.value} aria-label=${t.editor.toGallery} title=${t.editor.toGallery}><${Icon} name="back" /></a>
      <${Avatar} name=${name} colour=${colourOf(session.member('extensions').value.value)} />
      <div class="editor-name"><h1 tabindex="-1" dir="auto">${name || '–'}</h1>
        <p class="hint" title=${at(server.updated_at)}>${t.kinds[/** @type {keyof typeof t.kinds} */ (kind)] ?? kind}${server.updated_by ? ` · ${server.updated_by}` : ''} · r${server.revision}</p></div>
      <${Presence} session=${session} />
      <${Status} session=${session} onDecide=${onDecide} />
      <${Menu} session=${session} />
    </div>
    <nav class="tabs" aria-label=${t.gallery.view}>${VIEWS.map((one) => html`<a key=${one} href=${personaLink(session.id, one === 'write' ? '' : one)} data-view=${one} aria-current=${one === view ? 'page' : undefined}>${t.editor.views[one]}</a>`)}</nav>
  </header>`;
}

/** What is saved. @param {{ session: Session, onDecide: () => void }} props */
function Status({ session, onDecide }) {
  const state = session.state.value;
  const text = state === 'saved' ? t.editor.status.saved(session.server.value.revision) : t.editor.status[state];
  const needsSaving = ['dirty', 'failed', 'invalid'].includes(state) && !session.isForeign.value;
  return html`<div class="save-state ${state}">
    <span class="dot" aria-hidden="true"></span><span role="status" aria-live="polite" class="save-text">${text}</span>
    ${state === 'conflict' && html`<${Button} onClick=${onDecide}>${t.editor.decide}</${Button}>`}
    ${needsSaving && html`<${Button} class="primary writes" onClick=${() => session.save('')}>${t.common.save}</${Button}>`}
  </div>`;
}

/** The label of a field. @param {string} name */
export const fieldName = (name) => t.editor.fields[/** @type {keyof typeof t.editor.fields} */ (name)] ?? name;

/** What happened to the persona besides the writing: merges, drafts that came back, refusals.
 * @param {{ session: Session, onDecide: () => void }} props */
export function Notices({ session, onDecide }) {
  const notice = session.notice.value;
  const trouble = session.trouble.value;
  const errors = Object.entries(session.errors.value);
  const open = [...new Set(session.clashes.value.map((clash) => clash.name))];
  const names = notice?.fields.map(fieldName).join(', ') ?? '';
  const by = notice?.by || t.editor.someone;
  const isGone = trouble === 'gone';
  const isPurged = session.isPurged.value;
  return html`<div class="notices" role="status" aria-live="polite">
    ${(isGone || session.server.value.deleted_at) && html`<${Notice} kind="danger" icon="trash" text=${isPurged ? t.editor.purged : isGone ? t.editor.status.gone : t.editor.deletedHere}>
      <${Button} class="writes" onClick=${() => (isPurged ? duplicate(session) : session.undelete()).catch(toastError)}>${isPurged ? t.editor.duplicate : t.editor.restore}</${Button}></${Notice}>`}
    ${session.isForeign.value && html`<${Notice} kind="warn" text=${t.editor.foreign}><${Button} class="primary writes" onClick=${() => session.claim(true)}>${t.editor.foreignSave}</${Button}><${Button} onClick=${() => session.claim(false).catch(toastError)}>${t.editor.foreignDrop}</${Button}></${Notice}>`}
    ${open.length > 0 && html`<${Notice} kind="warn" text=${`${t.conflict.open(open.length)}: ${open.map(fieldName).join(', ')}`}><${Button} onClick=${onDecide}>${t.editor.decide}</${Button}></${Notice}>`}
    ${session.wasRestored.value && !session.isForeign.value && html`<${Notice} icon="undo" text=${t.editor.restoredDraft}><${Button} icon="close" name=${t.common.close} onClick=${() => (session.wasRestored.value = false)} /></${Notice}>`}
    ${notice && html`<${Notice} kind="good" text=${notice.text === 'merged' ? t.editor.mergedFrom(by, names) : t.editor.changedElsewhere(by, names)}><${Button} icon="close" name=${t.common.close} onClick=${() => (session.notice.value = null)} /></${Notice}>`}
    ${!session.hasDraft.value && html`<${Notice} kind="warn" text=${t.editor.noDraft} />`}
    ${trouble === 'failed' && html`<${Notice} kind="danger" text=${session.why.value} />`}
    ${errors.length > 0 && html`<${Notice} kind="danger" text=${html`<ul>${errors.map(([pointer, message]) => html`<li key=${pointer}><code>${pointer || '/'}</code> ${message}</li>`)}</ul>`} />`}
  </div>`;
}

/** What else can be done with a persona: a button that opens a short list of buttons.
 * @param {{ session: Session }} props */
function Menu({ session }) {
  const [open, setOpen] = useState(false);
  const self = useRef(/** @type {HTMLElement | null} */ (null));
  // What a token may not do is hidden, and cannot have the focus.
  const shown = () => /** @type {HTMLElement[]} */ ([...(self.current?.querySelectorAll('ul button') ?? [])]).filter((one) => one.checkVisibility());
  // It has the focus before the next key or press is heard: later it would take the focus from what
  // was pressed.
  useLayoutEffect(() => {
    if (!open) return undefined;
    shown()[0]?.focus();
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
    { text: t.editor.copyId, icon: 'tag', act: () => copy(session.id) },
    { text: t.editor.delete, icon: 'trash', danger: true, writes: true, act: () => remove(session) },
  ];
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (!open) return;
    const buttons = shown();
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (event.key === 'Escape') {
      event.preventDefault();
      setOpen(false);
      /** @type {HTMLElement | null | undefined} */ (self.current?.querySelector('button'))?.focus();
    } else if (step) {
      event.preventDefault();
      const here = buttons.indexOf(/** @type {HTMLElement} */ (document.activeElement));
      buttons[(here + step + buttons.length) % buttons.length]?.focus();
    }
  };
  return html`<div class="menu" ref=${self} onKeyDown=${onKeyDown}>
    <${Button} aria-expanded=${open ? 'true' : 'false'} aria-controls="editor-menu" onClick=${() => setOpen(!open)}>${t.editor.more}<${Icon} name="fold" /></${Button}>
    ${open && html`<ul id="editor-menu">${actions.map((one) => html`<li key=${one.text} class=${one.writes ? 'writes' : ''}><button type="button" class=${one.danger ? 'danger' : ''} onClick=${run(one.act)}><${Icon} name=${one.icon} />${one.text}</button></li>`)}</ul>`}
  </div>`;
}

/** @param {string} name */
const fileName = (name) => name.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '').slice(0, 60) || 'persona';

/** The longest name in characters, as the API has it. */
const NAME_CHARS_MAX = 256;

/** @param {Session} session */
async function duplicate(session) {
  const { handle: _own, ...document } = session.form.peek();
  const name = [...t.editor.copyOf(document.name)].slice(0, NAME_CHARS_MAX).join('');
  const { body } = await call('POST', 'personas', { body: { ...document, name }, headers: { 'Idempotency-Key': newKey() } });
  toast(t.editor.duplicated);
  go(personaLink(body.id));
}

/** @param {Session} session */
async function remove(session) {
  const name = session.form.peek().name;
  if (session.isDirty.peek()) await session.save();
  await call('DELETE', `personas/${session.id}`, { headers: { 'If-Match': '*' } });
  go(lastGallery.peek());
  const undo = () => call('POST', `personas/${session.id}/undelete`).then(() => go(personaLink(session.id)), toastError);
  toast(t.editor.deleted(name), { action: { text: t.common.undo, act: undo } });
}

/** The longest note in characters, as the API has it. */
const NOTE_CHARS_MAX = 500;

/** The dialog that saves with a note. @param {{ session: Session, onClose: () => void }} props */
export function NoteDialog({ session, onClose }) {
  // A dialog that was left, and a save that was refused, leave the note for the next time.
  const note = String(session.typed.value.note ?? '');
  const save = () => {
    onClose();
    session.save(note.replace(/\p{Cc}+/gu, ' ').trim());
  };
  useLayoutEffect(() => {
    session.waitForNote(true);
    return () => session.waitForNote(false);
  }, []);
  const isDirty = session.isDirty.value;
  return html`<${FormDialog} title=${t.note.title} onClose=${onClose} onSubmit=${save} action=${t.common.save} disabled=${!isDirty}>
    <${Box} data-first label=${t.note.label} hint=${isDirty ? t.note.about : t.note.nothing} maxlength=${NOTE_CHARS_MAX} value=${note} onText=${(/** @type {string} */ text) => session.type('note', text)} />
  </${FormDialog}>`;
}
