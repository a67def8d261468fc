// A dialog of the browser: it keeps the focus, Escape closes it, and the focus goes back.

import { useLayoutEffect, useRef } from '../vendor/runtime.js';
import { html } from './html.js';
import { Icon } from './icons.js';
import { t } from './strings.js';

/** @param {{ title: string, onClose: () => void, children: any, class?: string, hideTitle?: boolean }} props */
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
        <button type="button" class="button icon-only quiet" aria-label=${t.common.close} onClick=${onClose}><${Icon} name="close" /></button></header>`}
      ${children}
    </div>
  </dialog>`;
}
