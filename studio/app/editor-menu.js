// What else can be done with a persona: a button that opens a short list of buttons.

import { useEffect, useRef, useState } from '../vendor/runtime.js';
import { call, newKey } from './api.js';
import { download } from './download.js';
import { html, Icon } from './html.js';
import { toast, toastError } from './overlay.js';
import { go, lastGallery, personaLink } from './route.js';
import { t } from './strings.js';

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
