// The texts in the order in which a model reads them, with the names filled in. What the server
// renders takes this place when the API has it. Texts are texts here: no markup of theirs counts.

import { html } from './html.js';
import { Avatar } from './avatar.js';
import { t } from './strings.js';

/** Most characters of a text that are shown; the rest is a glance away in its field. */
const SHOWN_CHARS_MAX = 4000;
const BEFORE = /** @type {const} */ (['system_prompt', 'description', 'personality', 'scenario', 'mes_example']);

/** @param {{ session: import('./session.js').Session }} props */
export function Preview({ session }) {
  const form = session.form.value;
  const char = form.nickname || form.name || '';
  const filled = (/** @type {string} */ text) => {
    const shown = text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
    return shown.replace(/\{\{(char|user)\}\}/gi, (_, /** @type {string} */ who) => (who.toLowerCase() === 'char' ? char : t.editor.you));
  };
  const texts = BEFORE.filter((name) => form[name]);
  const hasAny = texts.length || form.first_mes || form.post_history_instructions;
  return html`<aside class="preview" aria-label=${t.editor.preview} tabindex="0">
    <header><h2>${t.editor.preview}</h2><p class="hint">${t.editor.previewAbout}</p></header>
    ${!hasAny && html`<p class="hint">${t.editor.previewEmpty}</p>`}
    ${texts.map((name) => html`<section key=${name}><h3>${t.editor.fields[name]}</h3><p class="prose" dir="auto">${filled(form[name])}</p></section>`)}
    ${form.first_mes && html`<section class="said"><${Avatar} name=${form.name || '?'} size="small" /><div><h3 dir="auto">${char}</h3><p class="bubble prose" dir="auto">${acted(filled(form.first_mes))}</p></div></section>`}
    ${form.post_history_instructions && html`<section><h3>${t.editor.fields.post_history_instructions}</h3><p class="prose" dir="auto">${filled(form.post_history_instructions)}</p></section>`}
  </aside>`;
}

/** What stands between asterisks is an action. @param {string} text */
function acted(text) {
  return text.split(/(\*[^*\n]+\*)/).map((part) => (/^\*[^*\n]+\*$/.test(part) ? html`<em>${part.slice(1, -1)}</em>` : part));
}
