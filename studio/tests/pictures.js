// Makes the pictures of the documents: every screen in both themes, on made-up personas.
//
//   PERSONA=... STUDIO_MODULES=. CHROMIUM=... node pictures.js ../../docs/img/studio
//
// With pngquant (apt-get install pngquant) they are a third of the size.

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { Server, launch } from './harness.js';
import { SAMPLES } from '../app/samples.js';

const folder = process.argv[2] ?? '../../docs/img/studio';
const SIZE = { width: 1080, height: 675 };
const [ADA] = SAMPLES;
const MORE = [
  ['Captain Marlowe', 'character', ['fantasy', 'sea'], 'Sails a ship that the charts have forgotten. Pays her crew in stories, and never tells the same one twice.'],
  ['SQL Reviewer', 'prompt', ['engineering'], 'Reads a query like a colleague would: first what it means, then what it costs, then what could go wrong at midnight.'],
  ['Museum Guide', 'agent', ['history', 'travel'], 'Leads visitors through a museum at their own pace, and always knows which painting is around the corner.'],
  ['Nonna Lucia', 'character', ['cooking'], 'Cooks by ear. Measures nothing, forgets nothing, and forgives everything but cold plates.'],
  ['Interview Coach', 'agent', ['career'], 'Asks the question behind the question, waits, and then asks it again more kindly.'],
  ['Haiku Translator', 'prompt', ['writing', 'languages'], 'Keeps the season, the cut and the breath; lets the syllables go where they must.'],
];

const server = await Server.start();
const browser = await launch();
try {
  const items = SAMPLES.map(({ id, ...document }) => ({ op: 'put', id, if_none_match: '*', document }));
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: SIZE, colorScheme, reducedMotion: 'reduce' });
    const page = await context.newPage();
    const shot = async (name) => {
      await page.mouse.move(0, 0);
      const file = path.join(folder, `${name}-${colorScheme}.png`);
      await page.screenshot({ path: file });
      spawnSync('pngquant', ['--force', '--ext', '.png', '--strip', file]);
    };
    const go = async (hash, what) => {
      await page.goto(`${server.url}/${hash}`);
      await page.locator(what).first().waitFor();
    };
    if (colorScheme === 'light') {
      await go('#/', '.welcome');
      await shot('empty');
      await server.api('POST', 'personas/batch', { items });
      await server.createAll(MORE.map(([name, kind, tags, description]) => ({ name, kind, tags, description })));
    }
    await go('#/', '.card');
    await shot('gallery');
    await page.keyboard.press('Control+k');
    await page.locator('.palette-entry .avatar').first().waitFor();
    await shot('palette');
    await page.keyboard.press('Escape');
    await go(`#/personas/${ADA.id}`, '.form');
    await shot('editor');
    const [mine, theirs] = ['Exact, playful, impatient with small talk.', 'Exact, kind, impatient with vagueness.'];
    const start = 'Mathematician in London in 1843, who has just sent her notes to the printer. ';
    await page.getByLabel('Description').fill(start + mine);
    await server.api('PATCH', `personas/${ADA.id}`, { description: start + theirs }, { 'x-persona-author': 'Beatrice' });
    await page.locator('.decision').waitFor();
    await shot('conflict');
    await page.getByRole('button', { name: 'Take theirs' }).click();
    await page.locator('.save-state.saved').waitFor();
    await go(`#/personas/${ADA.id}/history`, '.compared .diff');
    await shot('history');
    await server.api('PATCH', `personas/${ADA.id}`, { description: ADA.description });
    await go('#/import', '.drop');
    const lines = [{ name: 'Lamplighter', description: 'Knows every street after dark.' }, { id: ADA.id, name: 'Ada Lovelace' }, { name: '' }, { name: 'Botanist' }];
    await page.locator('input[type=file]').setInputFiles({ name: 'friends.ndjson', mimeType: 'text/plain', buffer: Buffer.from(lines.map((one) => JSON.stringify(one)).join('\n')) });
    await page.locator('.import-table').waitFor();
    await shot('import');
    await go('#/health', '.figures');
    await page.waitForResponse((answer) => answer.url().endsWith('/status'));
    await shot('health');
    await context.close();
  }
} finally {
  await browser.close();
  await server.stop('SIGKILL');
}
