// What a person types as what the API searches for: the last word, which may be unfinished, finds
// everything that begins so. The rule is that of `persona list TEXT`.

/** @param {string} typed */
export function searchText(typed) {
  const text = typed.trimStart();
  const last = /(?:^|\s)(-?)([\p{L}\p{N}]+)$/u.exec(text);
  // One letter alone would find half of everything; a word that is unwanted is whole.
  if (!last || last[1] || [...last[2]].length < 2 || quotesOpen(text)) return text.trimEnd();
  return `${text}*`;
}

/** @param {string} text */
const quotesOpen = (text) => (text.split('"').length - 1) % 2 === 1;
