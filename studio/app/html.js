// Markup in template strings: html`<p>...</p>`. Values are texts, never markup.

import { h, htm } from '../vendor/runtime.js';

export const html = htm.bind(h);
