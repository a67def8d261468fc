// Amounts as texts for people, and how long texts are.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** @param {number} count */
export function bytes(count) {
  let place = 0;
  let value = count;
  while (value >= 1024 && place < UNITS.length - 1) {
    value /= 1024;
    place += 1;
  }
  return `${value.toLocaleString('en', { maximumFractionDigits: place && value < 100 ? 1 : 0 })} ${UNITS[place]}`;
}

/** @typedef {{ characters: number, tokens: number, bytes: number }} Size characters as people count
 *    them, without surrogates; tokens by a rule of thumb that needs no tokenizer (English has about
 *    four characters a token, Chinese, Japanese and Korean about one); bytes of UTF-8 */

/** The texts that were measured last: with each key one text of a form changes, and the others do
 * not. @type {{ text: string, size: Size }[]} */
const measured = [];
const MEASURED_MAX = 16;

/** How long a text is, in one pass. @param {string} text @returns {Size} */
export function sizeOf(text) {
  const known = measured.find((one) => one.text === text);
  if (known) return known.size;
  let [halves, wide, more] = [0, 0, 0];
  for (let place = 0; place < text.length; place += 1) {
    const unit = text.charCodeAt(place);
    if (unit < 0x80) continue;
    // A surrogate is half of four bytes.
    const isHalf = (unit & 0xf800) === 0xd800;
    more += unit < 0x800 || isHalf ? 1 : 2;
    if (unit >= 0x2e80) wide += 1;
    if ((unit & 0xfc00) === 0xdc00) halves += 1;
  }
  const size = { characters: text.length - halves, tokens: Math.ceil((text.length - wide) / 4 + wide), bytes: text.length + more };
  measured.unshift({ text, size });
  measured.length = Math.min(measured.length, MEASURED_MAX);
  return size;
}

/** The texts that are part of every prompt. */
export const PERMANENT = ['system_prompt', 'description', 'personality', 'scenario', 'post_history_instructions'];
