// The labels and the owners of all personas that one reaches, each with a way to these personas.

import { useEffect, useState } from '../vendor/runtime.js';
import { get, PAGE, who } from './api.js';
import { linkOf } from './gallery-filters.js';
import { Button, html } from './html.js';
import { t } from './strings.js';
import { toastError } from './toasts.js';

/** @typedef {import('./types.js').Count} Count */

/** One page after the other of what personas are counted by; null until the first one has come.
 * @param {'label' | 'owner'} by */
function useCounts(by) {
  const [page, setPage] = useState(/** @type {{ items: Count[], cursor: string | null } | null} */ (null));
  const read = (/** @type {string | null} */ cursor, /** @type {AbortSignal} */ signal) => get('counts', { query: { by, limit: PAGE, cursor }, signal })
    .then(({ body }) => setPage((before) => ({ items: cursor && before ? before.items.concat(body.items) : body.items, cursor: body.next_cursor })), (error) => signal.aborted || toastError(error));
  useEffect(() => {
    const stop = new AbortController();
    read(null, stop.signal);
    return () => stop.abort();
  }, [who.value?.name]);
  return { items: page?.items ?? [], isRead: page !== null, more: page?.cursor ? () => read(page.cursor, new AbortController().signal) : null };
}

/** @param {{ name: string, count: number, link: string, badge?: any }} props */
function CountRow({ name, count, link, badge }) {
  return html`<li><div><p class="names"><strong dir="auto">${name}</strong>${badge}</p></div>
    ${count ? html`<a class="button" href=${link}>${t.counts.show(count)}<span class="hidden"> ${name}</span></a>` : html`<span class="hint">${t.counts.nothing}</span>`}</li>`;
}

/** Which labels personas have. Those that are protected are there also where no persona has them. */
export function LabelCounts() {
  const { items, isRead, more } = useCounts('label');
  const guarded = who.value?.protected_labels ?? [];
  // Where there are more pages, one of them can have the others.
  const unused = isRead && !more ? guarded.filter((label) => !items.some((one) => one.name === label)) : [];
  const all = [...items, ...unused.map((name) => ({ name, personas: 0 }))];
  return html`<section class="block"><h2>${t.labels.all}</h2><p class="hint">${isRead && !all.length ? t.counts.noLabels : t.counts.labels}</p>
    <ul class="rows">${all.map(({ name, personas }) => html`<${CountRow} key=${name} name=${name} count=${personas} link=${linkOf({ label: name }, true)}
      badge=${guarded.includes(name) && html`<span class="badge warn">${t.counts.guarded}</span>`} />`)}</ul>
    ${guarded.length > 0 && html`<p class="hint">${t.counts.guardedAbout}</p>`}
    ${more && html`<div><${Button} onClick=${more}>${t.counts.more}</${Button}></div>`}</section>`;
}

/** Whose the personas are; nothing where all are without an owner. */
export function OwnerCounts() {
  const { items, more } = useCounts('owner');
  if (!items.some((one) => one.name)) return null;
  return html`<section class="block"><h2>${t.counts.owners}</h2><p class="hint">${who.value?.owner ? t.counts.reached(who.value.owner, who.value.shared) : t.counts.ownersAbout}</p>
    <ul class="rows">${items.map(({ name, personas }) => html`<${CountRow} key=${name} name=${name || t.filter.noOwner} count=${personas} link=${linkOf({ owner: name }, true)} />`)}</ul>
    ${more && html`<div><${Button} onClick=${more}>${t.counts.more}</${Button}></div>`}</section>`;
}
