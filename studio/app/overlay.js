// Dialogs: the element that each of them is, and which one is open.

import { signal, useLayoutEffect, useRef, useState } from '../vendor/runtime.js';
import { Button, html } from './html.js';
import { t } from './strings.js';
import { explain } from './toasts.js';

/** The open dialog among those that can be opened from every screen.
 * @type {import('../vendor/runtime.js').Signal<'' | 'palette' | 'shortcuts' | 'create'>} */
export const overlay = signal('');

/** A dialog of the browser: it keeps the focus, Escape closes it, and the focus goes back.
 * @param {{ title: string, onClose: () => void, children: any, class?: string, hideTitle?: boolean, isFirm?: boolean, isRead?: boolean }} props
 * A firm one is closed by its buttons alone. One that is read begins at its heading. */
export function Dialog({ title, onClose, children, class: name = '', hideTitle, isFirm, isRead }) {
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
    if (event.target === self.current && !isFirm) onClose();
  };
  // A browser lets a page refuse Escape once, and then closes the dialog all the same.
  const ended = () => {
    if (!self.current?.isConnected) return;
    if (isFirm) self.current.showModal();
    else onClose();
  };
  return html`<dialog ref=${self} class="dialog ${name}" aria-label=${title}
      onCancel=${(/** @type {Event} */ event) => { event.preventDefault(); if (!isFirm) onClose(); }} onClose=${ended} onMouseDown=${outside}>
    <div class="dialog-body">
      ${!hideTitle && html`<header class="dialog-head"><h2 tabindex="-1" data-first=${isRead}>${title}</h2>
        <${Button} icon="close" name=${t.common.close} onClick=${onClose} /></header>`}
      ${children}
    </div>
  </dialog>`;
}

/** Why the open dialog could not do what it was asked for. */
const why = signal('');

/** A dialog that asks for something, and does it. Why that failed stands in it until something is
 * changed.
 * @param {{ title: string, onClose: () => void, onSubmit: () => unknown, action: string, disabled?: boolean, kind?: string, children?: any }} props */
export function FormDialog({ title, onClose, onSubmit, action, disabled, kind = 'primary', children }) {
  const [isBusy, setBusy] = useState(false);
  const clear = () => {
    why.value = '';
  };
  useLayoutEffect(clear, []);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    try {
      await onSubmit();
    } catch (error) {
      why.value = explain(error);
    }
    setBusy(false);
  };
  return html`<${Dialog} title=${title} onClose=${onClose}><form class="stack" noValidate onSubmit=${submit} onInput=${clear}>
    ${children}
    <p id="dialog-why" class="error" role="alert">${why.value}</p>
    <div class="dialog-foot"><${Button} onClick=${onClose}>${t.common.cancel}</${Button}><${Button} type="submit" class=${kind} disabled=${disabled || isBusy}>${action}</${Button}></div>
  </form></${Dialog}>`;
}

/** A line to type in a dialog; what failed is told of the first one, or of the one that is wrong.
 * @param {{ label: string, hint?: string, isWrong?: boolean, onText: (text: string) => void, [more: string]: any }} props */
export function Box({ label, hint, isWrong, onText, ...more }) {
  const isFirst = more['data-first'];
  const id = isFirst ? 'dialog-hint' : 'dialog-more';
  return html`<label class="field"><span>${label}</span><input type="text" dir="auto" autocomplete="off" aria-describedby=${`${id} dialog-why`} aria-invalid=${why.value && (isWrong ?? isFirst) ? 'true' : undefined} onInput=${(/** @type {any} */ event) => onText(event.target.value)} ...${more} /></label>
    ${hint && html`<p id=${id} class="hint">${hint}</p>`}`;
}
