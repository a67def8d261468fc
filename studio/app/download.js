// A file for the user, made in the page.

/** How long the browser has to begin a download before the page frees its bytes, in milliseconds. */
const KEEP_MS = 60_000;

/** @param {string} name @param {string} type @param {string} text */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEEP_MS);
}
