// Above the cards: the search, the filters as chips, the order, the view.

import { useState } from '../vendor/runtime.js';
import { loading } from './gallery-list.js';
import { filters, isFiltered, refine } from './gallery-query.js';
import { Button, html, Icon } from './html.js';
import { settings } from './settings-store.js';
import { t } from './strings.js';

const KINDS = /** @type {(keyof typeof t.kinds)[]} */ (Object.keys(t.kinds));
const SORTS = /** @type {const} */ (['-updated_at', 'updated_at', 'name', '-name', '-created_at', 'created_at']);

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
          ${now.q.trim() && html`<option value="relevance">${t.gallery.sorts.relevance}</option>`}
          ${SORTS.map((one) => html`<option key=${one} value=${one}>${t.gallery.sorts[one]}</option>`)}
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
