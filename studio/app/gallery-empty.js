// The gallery without a persona, and a search without a result.

import { useState } from '../vendor/runtime.js';
import { call, Refusal } from './api.js';
import { reload } from './gallery-list.js';
import { filters, refine } from './gallery-query.js';
import { Button, html, Icon } from './html.js';
import { overlay } from './overlay.js';
import { go } from './route.js';
import { t } from './strings.js';
import { toast, toastError } from './toasts.js';

export function Empty() {
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

export function NothingFound() {
  return html`<div class="nothing"><${Icon} name="search" /><h2>${t.gallery.nothing}</h2><p>${t.gallery.nothingAbout}</p>
    <${Button} onClick=${() => refine({ ...filters.peek(), q: '', kind: '', tags: [], active: '', deleted: false })}>${t.gallery.clear}</${Button}></div>`;
}
