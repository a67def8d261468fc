// Amounts and lengths as texts for people.

// Amounts of bytes as people read them.

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

// About how many tokens a model makes of a text: a rule of thumb that needs no tokenizer. English
// has about four characters a token, Chinese, Japanese and Korean about one.

/** @param {string} text */
export function tokens(text) {
  let wide = 0;
  for (let place = 0; place < text.length; place += 1) if (text.charCodeAt(place) >= 0x2e80) wide += 1;
  return Math.ceil((text.length - wide) / 4 + wide);
}

/** Characters as people count them, without surrogates. @param {string} text */
export function characters(text) {
  let halves = 0;
  for (let place = 0; place < text.length; place += 1) if ((text.charCodeAt(place) & 0xfc00) === 0xdc00) halves += 1;
  return text.length - halves;
}

/** The texts that are part of every prompt. */
export const PERMANENT = ['system_prompt', 'description', 'personality', 'scenario', 'post_history_instructions'];
