// The sheet of all shortcuts.

import { Dialog } from './dialog.js';
import { html } from './html.js';
import { shown } from './keys.js';
import { t } from './strings.js';

const items = t.shortcuts.items;
/** @type {[string, [string, string][]][]} */
const GROUPS = [
  [t.shortcuts.groups.everywhere, [['mod+k', items.palette], ['/', items.search], ['c', items.create], ['g p', items.gallery], ['g i', items.import], ['g h', items.health], ['g s', items.settings], ['?', items.help]]],
  [t.shortcuts.groups.gallery, [['ArrowUp ArrowDown', items.move], ['Enter', items.open], ['x', items.select], ['Shift+x', items.range], ['Delete', items.deleteThem], ['Escape', items.clear]]],
  [t.shortcuts.groups.editor, [['mod+s', items.save], ['mod+Shift+s', items.note], ['Escape', items.back]]],
];

/** @param {{ onClose: () => void }} props */
export function ShortcutSheet({ onClose }) {
  return html`<${Dialog} title=${t.shortcuts.title} onClose=${onClose} class="wide-dialog">
    <div class="sheet">
      ${GROUPS.map(([title, rows]) => html`<section key=${title}><h3>${title}</h3><dl>
        ${rows.map(([keys, text]) => html`<div key=${keys}><dt>${text}</dt><dd>${shown(keys).map((key) => html`<kbd key=${key}>${key}</kbd>`)}</dd></div>`)}
      </dl></section>`)}
    </div>
  </${Dialog}>`;
}
