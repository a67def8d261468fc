// A rewrite of a text, such as a model makes: it is pasted, and its changes are taken or kept one by
// one (stepper.js). What was pasted and decided is kept with what else is half typed, until it is
// applied: then it is an edit of the text like any other.

import { signal, useLayoutEffect } from '../vendor/runtime.js';
import { Button, html } from './html.js';
import { isRewrite, valueAt, withValueAt } from './hunks.js';
import { merge3 } from './merge.js';
import { Dialog } from './overlay.js';
import { focusOnce, Stepper } from './stepper.js';
import { t } from './strings.js';
import { toast } from './toasts.js';
import { asText } from './words.js';

/** @typedef {import('./session.js').Session} Session */
/** What was pasted, and what was decided of it. The start is what the field had then: the text as it
 * was before, or the rewrite itself.
 * @typedef {{ start: string, before: string, after: string, choices: Record<string, string>, isCompared: boolean }} Rewriting */
/** A text of a persona: its path, its name, and the id of its box.
 * @typedef {{ session: Session, path: string, label: string, text: string, box: string }} TextProps */

/** The text whose dialog is open. */
const steppedPath = signal('');
/** A paste that replaced most of a text, and what stood there before.
 * @type {import('../vendor/runtime.js').Signal<{ session: Session, path: string, before: string } | null>} */
const pasted = signal(null);

/** Looks whether a paste was a rewrite, and offers to step through it then.
 * @param {Session} session @param {string} path @param {string} before @param {number} replaced @param {string} after */
export function notePaste(session, path, before, replaced, after) {
  if (isRewrite(before, replaced, after)) pasted.value = { session, path, before };
}

/** @param {Session} session @param {string} path @returns {Rewriting | undefined} */
const keptOf = (session, path) => session.typed.value[`rewrite${path}`];
/** @param {Session} session @param {string} path @param {Rewriting | null} one */
const keep = (session, path, one) => session.type(`rewrite${path}`, one);

/** Writes a text at a path of the form; what else was changed there since stays.
 * @param {Session} session @param {string} path @param {string} from what it was made from @param {string} text */
function write(session, path, from, text) {
  const [name, ...rest] = path.split('/').slice(1);
  const form = session.form.peek();
  const next = merge3(from, asText(valueAt(form, path)), text, '', (clash) => clash.yours);
  session.set(name, withValueAt(form[name], rest, next));
}

/** The same rewriting where the text has changed otherwise meanwhile.
 * @param {Rewriting} one @param {string} text @returns {Rewriting} */
function rebased(one, text) {
  if (one.start === text) return one;
  const moved = (/** @type {string} */ side) => merge3(one.start, text, side, '', (clash) => clash.yours);
  return { ...one, start: text, before: moved(one.before), after: moved(one.after) };
}

/** The button beside a text, and its dialog. @param {TextProps} props */
export function RewriteButton(props) {
  const { session, path, label, text } = props;
  const kept = keptOf(session, path);
  const paste = pasted.value;
  const offer = paste?.session === session && paste.path === path && paste.before !== text ? paste : null;
  if (!text && !kept) return null;
  const open = () => {
    if (offer) keep(session, path, { start: text, before: offer.before, after: text, choices: {}, isCompared: true });
    pasted.value = null;
    steppedPath.value = path;
  };
  return html`<button type="button" class="rewrite-button writes ${offer || kept ? 'waits' : ''}" onClick=${open}>${offer ? t.rewrite.offer : kept ? t.rewrite.goOn : t.rewrite.open}<span class="hidden"> ${label}</span></button>
    <span class="hidden" role="status">${offer ? t.rewrite.offered(label) : ''}</span>
    ${steppedPath.value === path && html`<${RewriteDialog} ...${props} />`}`;
}

/** @param {TextProps} props */
function RewriteDialog({ session, path, label, text, box }) {
  const kept = keptOf(session, path);
  const one = rebased(kept ?? { start: text, before: text, after: '', choices: {}, isCompared: false }, text);
  const put = (/** @type {Partial<Rewriting>} */ members) => keep(session, path, { ...one, ...members });
  const close = () => {
    steppedPath.value = '';
  };
  useLayoutEffect(() => close, []);
  const apply = (/** @type {string} */ next, /** @type {string} */ done) => {
    // A box behind a dialog takes no text.
    /** @type {HTMLDialogElement | null} */ (document.querySelector('.rewrite-dialog'))?.close();
    const area = /** @type {HTMLTextAreaElement | null} */ (document.getElementById(box));
    if (!area || !typeInto(area, next)) write(session, path, text, next);
    keep(session, path, null);
    close();
    toast(done, { action: { text: t.common.undo, act: () => write(session, path, next, text) } });
  };
  const discard = () => {
    keep(session, path, null);
    close();
    toast(t.rewrite.discarded, { action: { text: t.common.undo, act: () => keep(session, path, one) } });
  };
  const compare = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (one.after) put({ isCompared: true });
  };
  return html`<${Dialog} title=${t.rewrite.title(label)} onClose=${close} class="rewrite-dialog">
    ${one.isCompared ? html`<${Stepper} rewriting=${one} put=${put} onApply=${apply} onDiscard=${discard} onLater=${close} />`
    : html`<form class="stack" onSubmit=${compare}><p class="hint" id="rewrite-about">${t.rewrite.about}</p>
      <label class="field"><span>${t.rewrite.pasteHere}</span><textarea data-first ref=${focusOnce} dir="auto" rows="12" aria-describedby="rewrite-about" value=${one.after} onInput=${(/** @type {any} */ event) => put({ after: event.target.value })}></textarea></label>
      <div class="dialog-foot">${kept && html`<${Button} class="quiet danger" onClick=${discard}>${t.rewrite.discard}</${Button}>`}<span class="gap"></span>
        <${Button} onClick=${close}>${kept ? t.rewrite.later : t.common.cancel}</${Button}><${Button} type="submit" class="primary" disabled=${!one.after}>${t.rewrite.compare}</${Button}></div></form>`}
  </${Dialog}>`;
}

/** The largest part that is put in as if it was typed: with more a browser takes seconds for it. */
const TYPED_CHARS_MAX = 20_000;

/** Replaces the text of a box as if it was typed, so that the browser can undo it. Whether it could.
 * @param {HTMLTextAreaElement} area @param {string} next */
function typeInto(area, next) {
  const before = area.value;
  const most = Math.min(before.length, next.length);
  let [start, end] = [0, 0];
  while (start < most && before[start] === next[start]) start += 1;
  while (end < most - start && before[before.length - 1 - end] === next[next.length - 1 - end]) end += 1;
  const part = next.slice(start, next.length - end);
  area.focus();
  area.setSelectionRange(start, before.length - end);
  if (Math.max(part.length, before.length - end - start) > TYPED_CHARS_MAX) return false;
  document.execCommand(part ? 'insertText' : 'delete', false, part);
  return area.value === next;
}
