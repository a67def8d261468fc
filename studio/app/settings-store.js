// Settings that the browser keeps for its user: theme, name, view. A browser that keeps nothing (private
// windows, full storage) works with what is in memory.

import { effect, signal } from '../vendor/runtime.js';

const PREFIX = 'persona-studio:';

/** @template {string} T @param {string} name @param {T} usual @param {readonly T[]} [known] */
function kept(name, usual, known) {
  /** @type {T} */
  let start = usual;
  try {
    const found = /** @type {T} */ (localStorage.getItem(PREFIX + name) ?? usual);
    start = known && !known.includes(found) ? usual : found;
  } catch {
    // The browser lets no page keep anything.
  }
  const state = signal(start);
  effect(() => {
    const value = state.value;
    try {
      localStorage.setItem(PREFIX + name, value);
    } catch {
      // As above; the setting lasts as long as the page.
    }
  });
  return state;
}

export const settings = {
  /** @type {import('../vendor/runtime.js').Signal<string>} */
  theme: kept('theme', 'system', ['system', 'light', 'dark']),
  /** @type {import('../vendor/runtime.js').Signal<string>} */
  view: kept('view', 'grid', ['grid', 'list']),
  /** @type {import('../vendor/runtime.js').Signal<string>} */
  author: kept('author', ''),
  /** Whether single letters are shortcuts (WCAG 2.1.4).
   * @type {import('../vendor/runtime.js').Signal<string>} */
  letters: kept('letters', 'on', ['on', 'off']),
};

/** The token of this window, until the window is closed. @type {import('../vendor/runtime.js').Signal<string>} */
export const token = signal('');
try {
  token.value = sessionStorage.getItem(`${PREFIX}token`) ?? '';
} catch {
  // The browser lets no page keep anything; the token lasts as long as the page.
}
effect(() => {
  const value = token.value;
  try {
    if (value) sessionStorage.setItem(`${PREFIX}token`, value);
    else sessionStorage.removeItem(`${PREFIX}token`);
  } catch {
    // As above.
  }
});

// color-scheme chooses between the two values of every light-dark() of the style sheets.
effect(() => {
  document.documentElement.dataset.theme = settings.theme.value;
});
