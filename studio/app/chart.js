// A line over the last two minutes, as SVG.

import { html } from './html.js';
import { t } from './strings.js';

const WIDTH = 240;
const HEIGHT = 48;
const POINTS = 60;

/** @param {{ title: string, value: string, points: number[], text: (value: number) => string }} props */
export function Chart({ title, value, points, text }) {
  const high = Math.max(...points, 1e-9);
  const low = points.length ? Math.min(...points) : 0;
  const x = (/** @type {number} */ place) => (WIDTH * (POINTS - points.length + place)) / (POINTS - 1);
  const y = (/** @type {number} */ one) => HEIGHT - 2 - ((HEIGHT - 6) * one) / (high * 1.1);
  const line = points.map((one, place) => `${x(place).toFixed(1)} ${y(one).toFixed(1)}`).join('L');
  return html`<figure class="chart"><figcaption>${title}<strong>${value}</strong></figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${t.health.chart(title, text(low), text(high))}>
      ${points.length > 1 && html`<path class="area" d=${`M${x(0).toFixed(1)} ${HEIGHT}L${line}L${WIDTH} ${HEIGHT}Z`} /><path class="line" d=${`M${line}`} />`}
    </svg></figure>`;
}
