// Actions on the selected personas: tags, export, and deletion, which can be undone.

import { useEffect, useState } from '../vendor/runtime.js';
import { call, each, get, mayWrite } from './api.js';
import { download } from './download.js';
import { allOf, clearSelection, reload, SELECT_MAX, selectAll, selectedCount, selection, total } from './gallery-list.js';
import { html, Icon } from './html.js';
import { shortcuts } from './keys.js';
import { Dialog, explain, toast, toastError } from './overlay.js';
import { t } from './strings.js';

/** @typedef {import('./types.js').Card} Card */

/** Most items of one request: half of the API's limit, so that each request is answered soon. */
const BATCH = 500;

export function BulkBar() {
  const [dialog, setDialog] = useState('');
  const [busy, setBusy] = useState(false);
  const count = selectedCount.value;
  const run = (/** @type {() => Promise<void>} */ act) => async () => {
    setBusy(true);
    try {
      await act();
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
  };
  useEffect(() => (count ? shortcuts([{ keys: 'Delete', act: () => mayWrite.peek() && run(deleteSelected)() }, { keys: 'Escape', act: clearSelection }]) : undefined), [count > 0]);
  if (!count) return null;
  const hasDeleted = selection().some((card) => card.deleted_at);
  return html`<div class="bulk" role="region" aria-label=${t.bulk.label}>
    <strong role="status">${t.bulk.count(count)}</strong>
    ${count < Math.min(total.value ?? 0, SELECT_MAX) && html`<button type="button" class="button quiet" disabled=${busy} onClick=${run(selectEverything)}>${t.bulk.all}</button>`}
    <span class="bulk-gap"></span>
    <button type="button" class="button writes" disabled=${busy} onClick=${() => setDialog('tags')}><${Icon} name="tag" /><span>${t.bulk.tag}</span></button>
    <button type="button" class="button" disabled=${busy} onClick=${run(exportSelected)}><${Icon} name="export" /><span>${t.bulk.export}</span></button>
    ${hasDeleted && html`<button type="button" class="button writes" disabled=${busy} onClick=${run(() => undelete(selection()))}><${Icon} name="undo" /><span>${t.bulk.restore}</span></button>`}
    <button type="button" class="button danger writes" disabled=${busy} onClick=${run(deleteSelected)}><${Icon} name="trash" /><span>${t.bulk.delete}</span></button>
    <button type="button" class="button icon-only quiet" aria-label=${t.bulk.none} title=${t.bulk.none} onClick=${clearSelection}><${Icon} name="close" /></button>
    ${dialog === 'tags' && html`<${TagDialog} onClose=${() => setDialog('')} />`}
  </div>`;
}

async function selectEverything() {
  const all = await allOf(Math.min(total.peek() ?? 0, SELECT_MAX));
  selectAll(all);
  if ((total.peek() ?? 0) > SELECT_MAX) toast(t.bulk.tooMany(SELECT_MAX));
}

/** Sends changes in batches, and shows the refusals. Returns the cards with a kept change.
 * @param {Card[]} cards @param {(card: Card) => any} change */
async function changeAll(cards, change) {
  /** @type {Card[]} */
  const kept = [];
  let refused = 0;
  let why = '';
  for (let from = 0; from < cards.length; from += BATCH) {
    const part = cards.slice(from, from + BATCH);
    const { body } = await call('POST', 'personas/batch', { body: { items: part.map(change) } });
    body.items.forEach((/** @type {any} */ answer, /** @type {number} */ place) => {
      if (answer.status < 300) kept.push(part[place]);
      else {
        refused += 1;
        why ||= answer.problem ? explain({ status: answer.status, problem: answer.problem }) : String(answer.status);
      }
    });
  }
  if (refused) toast(t.bulk.failed(refused, why), { kind: 'error' });
  return kept;
}

async function deleteSelected() {
  const chosen = selection().filter((card) => !card.deleted_at);
  // Whatever state they are in now: each can be brought back with all that it has.
  const deleted = await changeAll(chosen, (card) => ({ op: 'delete', id: card.id, if_match: '*' }));
  clearSelection();
  await reload();
  if (deleted.length) toast(t.bulk.deleted(deleted.length), { action: { text: t.common.undo, act: () => undelete(deleted).catch(toastError) } });
}

/** @param {Card[]} cards */
async function undelete(cards) {
  const results = await each(cards, (card) => call('POST', `personas/${card.id}/undelete`));
  const failed = results.find((one) => one.status === 'rejected');
  const restored = results.filter((one) => one.status === 'fulfilled').length;
  clearSelection();
  await reload();
  if (restored) toast(t.bulk.restored(restored));
  if (failed) toastError(/** @type {PromiseRejectedResult} */ (failed).reason);
}

async function exportSelected() {
  const chosen = selection();
  const results = await each(chosen, async (card) => (await get(`personas/${card.id}`)).body);
  const lines = results.flatMap((one) => (one.status === 'fulfilled' ? [JSON.stringify(one.value)] : []));
  download('personas.ndjson', 'application/x-ndjson', lines.map((line) => `${line}\n`).join(''));
  toast(t.bulk.exported(lines.length));
  const failed = results.find((one) => one.status === 'rejected');
  if (failed) toastError(/** @type {PromiseRejectedResult} */ (failed).reason);
}

/** @param {{ onClose: () => void }} props */
function TagDialog({ onClose }) {
  const [text, setText] = useState('');
  const [remove, setRemove] = useState(false);
  const [busy, setBusy] = useState(false);
  const count = selectedCount.value;
  const apply = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const tags = text.split(',').map((tag) => tag.trim()).filter((tag, place, all) => tag && all.findIndex((one) => one.toLowerCase() === tag.toLowerCase()) === place);
    if (!tags.length) return;
    setBusy(true);
    const lower = new Set(tags.map((tag) => tag.toLowerCase()));
    const next = (/** @type {Card} */ card) => {
      if (remove) return card.tags.filter((tag) => !lower.has(tag.toLowerCase()));
      const has = new Set(card.tags.map((tag) => tag.toLowerCase()));
      return [...card.tags, ...tags.filter((tag) => !has.has(tag.toLowerCase()))];
    };
    try {
      // Merged with what others did since, tag by tag. A persona that they deleted is told.
      const kept = await changeAll(selection(), (card) => ({ op: 'patch', id: card.id, base_revision: card.revision, patch: { tags: next(card) } }));
      onClose();
      clearSelection();
      await reload();
      if (kept.length) toast(t.bulk.tagged(kept.length));
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t.bulk.tagTitle(count)} onClose=${onClose}>
    <form class="stack" onSubmit=${apply}>
      <fieldset class="choices"><legend class="hidden">${t.bulk.tag}</legend>
        <label class="choice"><input type="radio" name="how" checked=${!remove} onChange=${() => setRemove(false)} /><span>${t.bulk.tagAdd}</span></label>
        <label class="choice"><input type="radio" name="how" checked=${remove} onChange=${() => setRemove(true)} /><span>${t.bulk.tagRemove}</span></label></fieldset>
      <label class="field"><span>${t.gallery.tag}</span><input data-first type="text" dir="auto" autocomplete="off" value=${text} aria-describedby="tag-hint" onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>
      <p id="tag-hint" class="hint">${t.bulk.tagHint}</p>
      <div class="dialog-foot"><button type="button" class="button" onClick=${onClose}>${t.common.cancel}</button><button type="submit" class="button primary" disabled=${busy || !text.trim()}>${t.common.save}</button></div>
    </form>
  </${Dialog}>`;
}
