// The filters of the gallery, and the toolbar above its cards: the search, the filters as chips, the
// order, the view. Filters are the query of the address, so a view is a link, and the back button
// takes a filter back.

import { computed, useState } from '../vendor/runtime.js';
import { loading } from './gallery-list.js';
import { Button, html, Icon } from './html.js';
import { galleryLink, go, lastGallery, route } from './route.js';
import { settings } from './settings-store.js';
import { KINDS, t } from './strings.js';
import { searchText } from './words.js';

/** @typedef {{ q: string, kind: string, tags: string[], active: string, deleted: boolean, sort: string }} Filters */


const SORTS = /** @type {(keyof typeof t.gallery.sorts)[]} */ (Object.keys(t.gallery.sorts));

/** @param {URLSearchParams} query @returns {Filters} */
function filtersOf(query) {
  const one = (/** @type {string} */ name, /** @type {string[]} */ known) => known.find((word) => word === query.get(name)) ?? '';
  const q = query.get('q') ?? '';
  const sort = one('sort', SORTS);
  return {
    q, kind: one('kind', KINDS), tags: query.getAll('tag').slice(0, 16), active: one('active', ['yes', 'no']),
    deleted: query.get('deleted') === 'yes',
    sort: sort === 'relevance' && !q.trim() ? '' : sort,
  };
}

/** @param {Filters} filters */
function queryOf(filters) {
  const query = new URLSearchParams();
  if (filters.q) query.set('q', filters.q);
  if (filters.kind) query.set('kind', filters.kind);
  for (const tag of filters.tags) query.append('tag', tag);
  if (filters.active) query.set('active', filters.active);
  if (filters.deleted) query.set('deleted', 'yes');
  if (filters.sort) query.set('sort', filters.sort);
  return query;
}

/** The query of the API for these filters. @param {Filters} filters */
export function apiQuery(filters) {
  const q = searchText(filters.q);
  return {
    q: q || undefined,
    kind: filters.kind || undefined,
    tag: filters.tags,
    is_active: filters.active ? filters.active === 'yes' : undefined,
    include_deleted: filters.deleted || undefined,
    sort: filters.sort || (q ? undefined : '-updated_at'),
  };
}

export const filters = computed(() => filtersOf(route.value.screen === 'gallery' ? route.value.query : new URLSearchParams(lastGallery.value.split('?')[1])));

/** Whether a filter leaves personas out. @param {Filters} value */
export const isFiltered = (value) => Boolean(value.q.trim() || value.kind || value.tags.length || value.active || value.deleted);

/** Changes filters. What is typed replaces the address, so that the back button does not undo it
 * letter by letter. @param {Partial<Filters>} change @param {{ replace?: boolean }} [how] */
export function refine(change, how) {
  const link = galleryLink(queryOf({ ...filters.peek(), ...change }));
  lastGallery.value = link;
  go(link, how);
}

/** @param {{ box: { current: HTMLInputElement | null } }} props */
export function Toolbar({ box }) {
  const now = filters.value;
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Escape' && now.q) {
      event.preventDefault();
      refine({ q: '' });
    } else if (event.key === 'ArrowDown' || (event.key === 'Enter' && !event.isComposing)) {
      event.preventDefault();
      /** @type {HTMLElement | null} */ (document.querySelector('.card-link'))?.focus();
    }
  };
  return html`<div class="toolbar">
    <div class="search" role="search"><${Icon} name="search" />
      <input ref=${box} type="search" aria-label=${t.gallery.search} placeholder=${t.gallery.searchHint} dir="auto" autocomplete="off" spellcheck=${false} maxlength="500" value=${now.q}
        onInput=${(/** @type {any} */ event) => refine({ q: event.target.value, sort: '' }, { replace: true })} onKeyDown=${onKeyDown} />
      ${loading.value && html`<span class="spinner" aria-hidden="true"></span>`}
      ${now.q ? html`<${Button} icon="close" name=${t.gallery.clearSearch} onClick=${() => { refine({ q: '' }); box.current?.focus(); }} />` : html`<kbd aria-hidden="true">/</kbd>`}
    </div>
    <div class="tools">
      <label class="select"><span class="hidden">${t.gallery.sort}</span>
        <select value=${now.sort || (now.q.trim() ? 'relevance' : '-updated_at')} onChange=${(/** @type {any} */ event) => refine({ sort: event.target.value })}>
          ${SORTS.map((one) => (one !== 'relevance' || now.q.trim()) && html`<option key=${one} value=${one}>${t.gallery.sorts[one]}</option>`)}
        </select></label>
      <div class="segments" role="group" aria-label=${t.gallery.view}>
        ${/** @type {const} */ (['grid', 'list']).map((one) => html`<button key=${one} type="button" class="button icon-only quiet" aria-label=${t.gallery[one]} title=${t.gallery[one]}
          aria-pressed=${settings.view.value === one ? 'true' : 'false'} onClick=${() => (settings.view.value = one)}><${Icon} name=${one} /></button>`)}
      </div>
    </div>
  </div>
  <${Chips} />`;
}

function Chips() {
  const now = filters.value;
  const press = (/** @type {boolean} */ is) => (is ? 'true' : 'false');
  return html`<div class="chips" role="group" aria-label=${t.gallery.filters}>
    ${KINDS.map((kind) => html`<button key=${kind} type="button" class="chip" aria-pressed=${press(now.kind === kind)} onClick=${() => refine({ kind: now.kind === kind ? '' : kind })}>${t.kinds[kind]}</button>`)}
    <span class="chip-gap" aria-hidden="true"></span>
    <button type="button" class="chip" aria-pressed=${press(now.active === 'no')} onClick=${() => refine({ active: now.active === 'no' ? '' : 'no' })}>${t.gallery.inactive}</button>
    <button type="button" class="chip" aria-pressed=${press(now.deleted)} onClick=${() => refine({ deleted: !now.deleted })}>${t.gallery.deleted}</button>
    <span class="chip-gap" aria-hidden="true"></span>
    ${now.tags.map((tag) => html`<button key=${tag} type="button" class="chip on" dir="auto" aria-label=${t.gallery.removeFilter(tag)} onClick=${() => refine({ tags: now.tags.filter((one) => one !== tag) })}>
      <${Icon} name="tag" />${tag}<${Icon} name="close" /></button>`)}
    <${TagBox} />
    ${isFiltered(now) && html`<button type="button" class="chip clear" onClick=${() => refine({ q: '', kind: '', tags: [], active: '', deleted: false })}>${t.gallery.clear}</button>`}
  </div>`;
}

function TagBox() {
  const [text, setText] = useState('');
  const add = () => {
    const tag = text.trim();
    const tags = filters.peek().tags;
    if (tag && !tags.some((one) => one.toLowerCase() === tag.toLowerCase()) && tags.length < 16) refine({ tags: [...tags, tag] });
    setText('');
  };
  return html`<span class="chip tag-box"><${Icon} name="tag" /><input type="text" aria-label=${t.gallery.addTag} placeholder=${t.gallery.addTag} dir="auto" autocomplete="off" maxlength="128" value=${text}
    onInput=${(/** @type {any} */ event) => setText(event.target.value)}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.key === 'Enter' && !event.isComposing) { event.preventDefault(); add(); } }} /></span>`;
}
