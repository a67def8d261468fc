// The gallery: all personas as cards or as a list, searched and filtered as one types; and what stands
// there where there is none.

import { effect, untracked, useEffect, useLayoutEffect, useRef, useState } from '../vendor/runtime.js';
import { call, Refusal } from './api.js';
import { BulkBar } from './gallery-bulk.js';
import { Cards, focusWhenDrawn } from './gallery-cards.js';
import { apiQuery, filters, isFiltered, NO_FILTERS, refine } from './gallery-filters.js';
import { Crumbs, Folders } from './gallery-folders.js';
import { cards, clearSelection, failure, load, loading, news, reload, takeIn, tookMs, total } from './gallery-list.js';
import { Toolbar } from './gallery-toolbar.js';
import { Button, html, Icon, noteHeight } from './html.js';
import { shortcuts } from './keys.js';
import { onChanges } from './live.js';
import { overlay } from './overlay.js';
import { galleryLink, go, lastGallery, route } from './route.js';
import { t } from './strings.js';
import { explain, toast, toastError } from './toasts.js';

/** A search waits for the answer to the one before it, for so long at most; then that one is given
 * up. Without one under way it begins with the letter. */
const WAIT_MS = 90;
/** Above so many pixels the list is at its top. */
const TOP_PX = 40;

/** What the list was read for, and where it was left: the way back leads to the same place. */
let shownFor = '';
let scrolled = { top: 0, id: '' };

// Also while another screen is shown, so that the list is as it should be on the way back.
onChanges((changed) => {
  takeIn(changed, { showsDeleted: filters.peek().deleted });
  // At the top of the list nothing moves under the eyes of a reader: new ones come by themselves.
  const isSeen = route.peek().screen === 'gallery' && (document.querySelector('main')?.scrollTop ?? 0) < TOP_PX;
  if (news.peek() && isSeen && !document.querySelector('.card:focus-within')) reload();
});

/** Acts when the list has been read, or after a while; returns what keeps it from acting.
 * @param {boolean} waits @param {() => void} act */
function afterLast(waits, act) {
  let unsubscribe = () => {};
  let clock = setTimeout(() => { end(); act(); }, waits ? WAIT_MS : 0);
  const end = () => {
    clearTimeout(clock);
    unsubscribe();
  };
  if (waits) unsubscribe = loading.subscribe((is) => {
    if (is) return;
    end();
    clock = setTimeout(act);
  });
  return end;
}

/** Reads the list before the page around it is drawn, which takes most of the time until the first
 * cards. */
export function readAhead() {
  if (route.peek().screen !== 'gallery') return;
  const query = apiQuery(filters.peek());
  shownFor = JSON.stringify(query);
  load(query);
}

export function Gallery() {
  const box = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    document.title = `${t.gallery.title} · ${t.product}`;
    const main = /** @type {HTMLElement} */ (document.querySelector('main'));
    let before = '';
    let endOfWait = () => {};
    const end = effect(() => {
      if (route.value.screen !== 'gallery') return;
      const query = apiQuery(filters.value);
      untracked(() => {
        lastGallery.value = galleryLink(route.value.query);
        const text = JSON.stringify(query);
        if (text === before) return;
        endOfWait();
        const isBack = before === '' && text === shownFor && !failure.peek();
        // At the top of the list a persona that was made meanwhile is there, too.
        const isNew = news.peek() && scrolled.top < TOP_PX && !cards.peek().some((card) => card.id === scrolled.id);
        const waits = before !== '' && loading.peek();
        before = text;
        shownFor = text;
        if (isBack) return void (isNew && reload());
        endOfWait = afterLast(waits, () => {
          clearSelection();
          main.scrollTo(0, 0);
          load(query);
        });
      });
    });
    return () => {
      end();
      endOfWait();
    };
  }, []);
  useLayoutEffect(() => {
    const main = /** @type {HTMLElement} */ (document.querySelector('main'));
    main.scrollTo(0, scrolled.top);
    const stop = scrolled.id ? focusWhenDrawn(`.card[data-id="${CSS.escape(scrolled.id)}"] .card-link`) : () => {};
    const note = () => (scrolled = { top: main.scrollTop, id: '' });
    main.addEventListener('scroll', note, { passive: true });
    return () => {
      stop();
      main.removeEventListener('scroll', note);
      scrolled.id = route.peek().id;
    };
  }, []);
  useLayoutEffect(() => shortcuts([{ keys: '/', act: () => box.current?.select() }]), []);
  const isEmpty = total.value === 0 && !isFiltered(filters.value) && !filters.value.folder && !failure.value;
  return html`<div class="gallery">
    <div class="gallery-head" ref=${noteHeight}>
      <div class="title-row"><h1 tabindex="-1">${t.gallery.title}</h1>
        <p class="count" role="status" aria-live="polite">${total.value !== null && !failure.value && !isEmpty ? html`${t.gallery.total(total.value)}${filters.value.q.trim() ? html`<span class="took"> · ${t.gallery.took(tookMs.value)}</span>` : ''}` : ''}</p></div>
      <${Crumbs} />
      ${!isEmpty && html`<${Toolbar} box=${box} />`}
    </div>
    ${news.value > 0 && html`<${Button} class="news" onClick=${() => { document.querySelector('main')?.scrollTo(0, 0); reload(); }}>${t.gallery.news(news.value)}</${Button}>`}
    ${!isEmpty && html`<${Folders} />`}
    <${Body} isEmpty=${isEmpty} />
    <${BulkBar} />
  </div>`;
}

/** @param {{ isEmpty: boolean }} props */
function Body({ isEmpty }) {
  if (failure.value && failure.value.status !== 0) {
    const isSearch = failure.value.code === 'bad_search';
    // An address can have filters that the server does not take.
    const [act, text] = isSearch ? [() => refine({ q: '' }), t.gallery.clearSearch] : failure.value.status === 400 ? [() => refine({ ...NO_FILTERS, folder: '' }), t.gallery.clear] : [reload, t.common.retry];
    return html`<div class="nothing"><h2>${isSearch ? t.gallery.badSearch : t.gallery.nothing}</h2><p role="alert">${explain(failure.value)}</p>
      <${Button} onClick=${act}>${text}</${Button}></div>`;
  }
  if (isEmpty) return html`<${Empty} />`;
  if (total.value === 0) return html`<${NothingFound} />`;
  if (!cards.value.length && !loading.value && failure.value) {
    return html`<div class="nothing"><${Icon} name="cloud" /><h2>${t.failed.offline}</h2><${Button} onClick=${reload}>${t.common.retry}</${Button}></div>`;
  }
  return html`<${Cards} />`;
}

function Empty() {
  const [busy, setBusy] = useState(false);
  const addSamples = async () => {
    setBusy(true);
    try {
      // The samples have fixed identities, so that a second press creates none twice.
      const answer = await fetch(new URL('samples.json', import.meta.url));
      const body = await answer.json();
      if (!answer.ok) throw new Refusal(answer.status, body);
      const items = body.map((/** @type {any} */ { id, ...document }) => ({ op: 'put', id, if_none_match: '*', document }));
      const { body: { items: made } } = await call('POST', 'personas/batch', { body: { items } });
      const count = made.filter((/** @type {any} */ one) => one.status === 201).length;
      toast(t.gallery.empty.made(count));
      await reload();
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
  };
  const words = t.gallery.empty;
  return html`<div class="welcome">
    <svg class="welcome-picture" viewBox="0 0 160 96" aria-hidden="true"><rect x="14" y="22" width="60" height="62" rx="8" class="w1" /><rect x="86" y="22" width="60" height="62" rx="8" class="w1" /><rect x="46" y="8" width="68" height="74" rx="9" class="w2" /><circle cx="80" cy="33" r="12" class="w3" /><path d="M58 58h44M64 67h32" class="w4" /></svg>
    <h2>${words.title}</h2><p>${words.about}</p>
    <div class="welcome-ways writes">
      <button type="button" class="way" onClick=${() => (overlay.value = 'create')}><${Icon} name="plus" /><strong>${words.create}</strong><span>${words.createAbout}</span></button>
      <button type="button" class="way" onClick=${() => go('#/import')}><${Icon} name="import" /><strong>${words.import}</strong><span>${words.importAbout}</span></button>
      <button type="button" class="way" disabled=${busy} onClick=${addSamples}><${Icon} name="people" /><strong>${words.samples}</strong><span>${words.samplesAbout}</span></button>
    </div>
  </div>`;
}

function NothingFound() {
  if (!isFiltered(filters.value)) {
    return html`<div class="nothing"><${Icon} name="folder" /><h2>${t.folders.empty}</h2><${Button} onClick=${() => refine({ folder: '' })}>${t.folders.all}</${Button}></div>`;
  }
  return html`<div class="nothing"><${Icon} name="search" /><h2>${t.gallery.nothing}</h2><p>${t.gallery.nothingAbout}</p>
    <${Button} onClick=${() => refine(NO_FILTERS)}>${t.gallery.clear}</${Button}></div>`;
}
