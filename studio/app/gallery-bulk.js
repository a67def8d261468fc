// Actions on the selected personas: tags, labels, export, and deletion, which can be undone.

import { useEffect, useLayoutEffect, useState } from '../vendor/runtime.js';
import { call, each, get, mayWrite, newKey } from './api.js';
import { allOf, clearSelection, reload, SELECT_MAX, selectAll, selectedCount, selection, total } from './gallery-list.js';
import { Button, Choices, html } from './html.js';
import { shortcuts } from './keys.js';
import { LabelDialog, MOVES_MAX } from './labels.js';
import { Box, FormDialog } from './overlay.js';
import { t } from './strings.js';
import { download, explain, toast, toastError } from './toasts.js';

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
  useLayoutEffect(() => (count ? shortcuts([{ keys: 'Delete', act: () => mayWrite.peek() && run(deleteSelected)() }, { keys: 'Escape', act: clearSelection }]) : undefined), [count > 0]);
  if (!count) return null;
  const hasDeleted = selection().some((card) => card.deleted_at);
  return html`<div class="bulk" role="region" aria-label=${t.bulk.label}>
    <strong role="status">${t.bulk.count(count)}</strong>
    ${count < Math.min(total.value ?? 0, SELECT_MAX) && html`<${Button} class="quiet" disabled=${busy} onClick=${run(selectEverything)}>${t.bulk.all}</${Button}>`}
    <span class="bulk-gap"></span>
    <${Button} class="writes" icon="tag" disabled=${busy} onClick=${() => setDialog('tags')}><span>${t.bulk.tag}</span></${Button}>
    <${Button} icon="pin" class="writes" disabled=${busy} onClick=${() => (count > MOVES_MAX ? toast(t.labels.tooMany(MOVES_MAX), { kind: 'error' }) : setDialog('labels'))}><span>${t.labels.label}</span></${Button}>
    <${Button} icon="export" disabled=${busy} onClick=${run(exportSelected)}><span>${t.bulk.export}</span></${Button}>
    ${hasDeleted && html`<${Button} class="writes" icon="undo" disabled=${busy} onClick=${run(() => undelete(selection()))}><span>${t.bulk.restore}</span></${Button}>`}
    <${Button} class="danger writes" icon="trash" disabled=${busy} onClick=${run(deleteSelected)}><span>${t.bulk.delete}</span></${Button}>
    <${Button} icon="close" name=${t.bulk.none} onClick=${clearSelection} />
    ${dialog === 'tags' && html`<${TagDialog} onClose=${() => setDialog('')} />`}
    ${dialog === 'labels' && html`<${ReleaseDialog} onClose=${() => setDialog('')} />`}
  </div>`;
}

async function selectEverything() {
  const all = await allOf(Math.min(total.peek() ?? 0, SELECT_MAX));
  selectAll(all);
  if ((total.peek() ?? 0) > SELECT_MAX) toast(t.bulk.tooMany(SELECT_MAX));
}

/** Sends changes in batches, and shows the refusals. Of one that fails, what was done before is kept
 * and the rest stays selected. Returns the cards with a kept change, each with the revision after it.
 * @param {Card[]} cards @param {(card: Card) => any} change */
async function changeAll(cards, change) {
  /** @type {Card[]} */
  const kept = [];
  let refused = 0;
  let why = '';
  for (let from = 0; from < cards.length; from += BATCH) {
    const part = cards.slice(from, from + BATCH);
    const wish = { body: { items: part.map(change) }, headers: { 'Idempotency-Key': newKey() } };
    // An answer that is lost is asked for again, with the same key.
    const send = () => call('POST', 'personas/batch', wish);
    const answer = await send().catch((error) => (error.isPassing ? send() : Promise.reject(error))).catch((error) => error);
    if (!answer.body) {
      toast(t.bulk.broken(kept.length, cards.length, explain(answer)), { kind: 'error' });
      selectAll(cards.slice(from));
      return kept;
    }
    const { body } = answer;
    body.items.forEach((/** @type {any} */ answer, /** @type {number} */ place) => {
      if (answer.status < 300) kept.push({ ...part[place], now: answer.revision });
      else {
        refused += 1;
        why ||= answer.problem ? explain({ status: answer.status, problem: answer.problem }) : String(answer.status);
      }
    });
  }
  clearSelection();
  if (refused) toast(t.bulk.failed(refused, why), { kind: 'error' });
  return kept;
}

async function deleteSelected() {
  const chosen = selection().filter((card) => !card.deleted_at);
  // Whatever state they are in now: each can be brought back with all that it has.
  const deleted = await changeAll(chosen, (card) => ({ op: 'delete', id: card.id, if_match: '*' }));
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

/** @param {Card} card @param {number | undefined} base @param {string[]} tags */
const retag = (card, base, tags) => ({ op: 'patch', id: card.id, base_revision: base, patch: { tags } });

/** Takes a change of tags back, and nothing that others changed.
 * @param {Card[]} changed @param {(card: Card) => string[]} next what it made of the tags of a card */
async function takeBack(changed, next) {
  const found = await each(changed, async (card) => {
    // Nothing but this change lies between these two.
    if (card.now === card.revision + 1) return card.tags;
    const [added, removed] = [next(card).filter((tag) => !card.tags.includes(tag)), card.tags.filter((tag) => !next(card).includes(tag))];
    const { tags } = (await get(`personas/${card.id}/revisions/${card.now}`)).body;
    return [...tags.filter((/** @type {string} */ tag) => !added.includes(tag)), ...removed.filter((tag) => !tags.includes(tag))];
  });
  const before = new Map(changed.flatMap((card, place) => (found[place].status === 'fulfilled' ? [[card, found[place].value]] : [])));
  const kept = await changeAll([...before.keys()], (card) => retag(card, card.now, before.get(card) ?? []));
  await reload();
  if (kept.length) toast(t.bulk.untagged(kept.length));
  const failed = found.find((one) => one.status === 'rejected');
  if (failed) toastError(failed.reason);
}

/** @param {{ onClose: () => void }} props */
function TagDialog({ onClose }) {
  const [text, setText] = useState('');
  const [how, setHow] = useState('tagAdd');
  const count = selectedCount.value;
  const apply = async () => {
    const tags = text.split(',').map((tag) => tag.trim()).filter((tag, place, all) => tag && all.findIndex((one) => one.toLowerCase() === tag.toLowerCase()) === place);
    if (!tags.length) return;
    const lower = new Set(tags.map((tag) => tag.toLowerCase()));
    const next = (/** @type {Card} */ card) => {
      if (how === 'tagRemove') return card.tags.filter((tag) => !lower.has(tag.toLowerCase()));
      const has = new Set(card.tags.map((tag) => tag.toLowerCase()));
      return [...card.tags, ...tags.filter((tag) => !has.has(tag.toLowerCase()))];
    };
    // Merged with what others did since, tag by tag. A persona that they deleted is told.
    const kept = await changeAll(selection(), (card) => retag(card, card.revision, next(card)));
    onClose();
    await reload();
    const changed = kept.filter((card) => card.now !== card.revision);
    if (kept.length) toast(t.bulk.tagged(kept.length), changed.length ? { action: { text: t.common.undo, act: () => takeBack(changed, next).catch(toastError) } } : {});
  };
  return html`<${FormDialog} title=${t.bulk.tagTitle(count)} onClose=${onClose} onSubmit=${apply} action=${t.common.save} disabled=${!text.trim()}>
    <${Choices} legend=${t.bulk.tag} isQuiet options=${[['tagAdd', t.bulk.tagAdd], ['tagRemove', t.bulk.tagRemove]]} value=${how} onChoice=${setHow} />
    <${Box} data-first label=${t.gallery.tag} hint=${t.bulk.tagHint} value=${text} onText=${setText} />
  </${FormDialog}>`;
}

/** Personas of a selection that are asked for their labels, so that these can be chosen. */
const ASKED_MAX = 20;

/** Moves one label of all selected personas, or of none. @param {{ onClose: () => void }} props */
function ReleaseDialog({ onClose }) {
  const [known, setKnown] = useState(/** @type {string[]} */ ([]));
  const chosen = selection();
  useEffect(() => {
    each(chosen.slice(0, ASKED_MAX), (card) => get(`personas/${card.id}/labels`)).then((results) => {
      const all = results.flatMap((one) => (one.status === 'fulfilled' ? one.value.body.items : []));
      setKnown([...new Set(all.map((label) => label.label))].sort());
    });
  }, []);
  /** @type {Record<string, (from: string) => any>} */
  const targets = { latest: () => ({ from: 'latest' }), from: (from) => ({ from }), remove: () => ({ remove: true }) };
  const movesOf = (/** @type {string} */ label, /** @type {string} */ target, /** @type {string} */ from) => chosen.map(({ id }) => ({ id, label, ...targets[target](from) }));
  return html`<${LabelDialog} title=${t.labels.many(chosen.length)} about=${t.labels.about} known=${known} targets=${Object.keys(targets).map((name) => [name, t.labels[/** @type {'latest' | 'from' | 'remove'} */ (name)]])}
    movesOf=${movesOf} nameOf=${(/** @type {number} */ place) => chosen[place]?.name} onClose=${onClose} onDone=${clearSelection} />`;
}
