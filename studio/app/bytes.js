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
