// Dialogs: the element that each of them is, and which one is open.

import { signal, useLayoutEffect, useRef } from '../vendor/runtime.js';
import { Button, html } from './html.js';
import { t } from './strings.js';

/** The open dialog among those that can be opened from every screen.
 * @type {import('../vendor/runtime.js').Signal<'' | 'palette' | 'shortcuts' | 'create'>} */
export const overlay = signal('');

/** A dialog of the browser: it keeps the focus, Escape closes it, and the focus goes back.
 * @param {{ title: string, onClose: () => void, children: any, class?: string, hideTitle?: boolean }} props */
export function Dialog({ title, onClose, children, class: name = '', hideTitle }) {
  /** @type {{ current: any }} */
  const self = useRef(null);
  useLayoutEffect(() => {
    /** @type {HTMLDialogElement} */
    const dialog = self.current;
    dialog.showModal();
    /** @type {HTMLElement | null} */ (dialog.querySelector('[data-first]'))?.focus();
    return () => dialog.close();
  }, []);
  const outside = (/** @type {MouseEvent} */ event) => {
    if (event.target === self.current) onClose();
  };
  return html`<dialog ref=${self} class="dialog ${name}" aria-label=${title}
      onCancel=${(/** @type {Event} */ event) => { event.preventDefault(); onClose(); }} onMouseDown=${outside}>
    <div class="dialog-body">
      ${!hideTitle && html`<header class="dialog-head"><h2>${title}</h2>
        <${Button} icon="close" name=${t.common.close} onClick=${onClose} /></header>`}
      ${children}
    </div>
  </dialog>`;
}

/** A dialog that asks for something, and does it.
 * @param {{ title: string, onClose: () => void, onSubmit: () => void, action: string, disabled?: boolean, why?: string, children?: any }} props */
export function FormDialog({ title, onClose, onSubmit, action, disabled, why, children }) {
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    onSubmit();
  };
  return html`<${Dialog} title=${title} onClose=${onClose}><form class="stack" noValidate onSubmit=${submit}>
    ${children}
    <p id="dialog-why" class="error" role="alert">${why}</p>
    <div class="dialog-foot"><${Button} onClick=${onClose}>${t.common.cancel}</${Button}><${Button} type="submit" class="primary" disabled=${disabled}>${action}</${Button}></div>
  </form></${Dialog}>`;
}

/** A line to type in a dialog. @param {{ label: string, hint?: string, why?: string, onText: (text: string) => void, [more: string]: any }} props */
export function Box({ label, hint, why, onText, ...more }) {
  return html`<label class="field"><span>${label}</span><input type="text" dir="auto" autocomplete="off" aria-describedby="dialog-hint dialog-why" aria-invalid=${why ? 'true' : undefined} onInput=${(/** @type {any} */ event) => onText(event.target.value)} ...${more} /></label>
    ${hint && html`<p id="dialog-hint" class="hint">${hint}</p>`}`;
}
