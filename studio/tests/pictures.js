// Makes the pictures of the documents: every screen in both themes on made-up personas, and a story
// as a row of pictures.
//
//   PERSONA=... STUDIO_MODULES=. CHROMIUM=... node pictures.js ../../docs/img/studio [NAME]
//
// With a name, such as folders, it keeps only the pictures of screens whose names begin so.
// With pngquant (apt-get install pngquant) they are a third of the size.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeSave, launch, Server, signIn, still, takeFiles } from './harness.js';

const [folder = '../../docs/img/studio', only = ''] = process.argv.slice(2);
const SAMPLES = JSON.parse(fs.readFileSync(new URL('../app/samples.json', import.meta.url), 'utf8'));
const SIZE = { width: 1080, height: 675 };
/** Wide enough for the preview beside the form. */
const WIDE = { width: 1320, height: 825 };
const PHONE = { width: 360, height: 675 };
const [ADA] = SAMPLES;
const MORE = [
  ['Captain Marlowe', 'crew/captain-marlowe', 'character', ['fantasy', 'sea'], 'Sails a ship that the charts have forgotten. Pays her crew in stories, and never tells the same one twice.'],
  ['SQL Reviewer', 'work/review/sql', 'prompt', ['engineering'], 'Reads a query like a colleague would: first what it means, then what it costs, then what could go wrong at midnight.', 'blue'],
  ['Museum Guide', 'work/guides/museum', 'agent', ['history', 'travel'], 'Leads visitors through a museum at their own pace, and always knows which painting is around the corner.', 'teal'],
  ['Nonna Lucia', 'kitchen/nonna-lucia', 'character', ['cooking'], 'Cooks by ear. Measures nothing, forgets nothing, and forgives everything but cold plates.'],
  ['Interview Coach', 'work/coaches/interview', 'agent', ['career'], 'Asks the question behind the question, waits, and then asks it again more kindly.'],
  ['Haiku Translator', 'work/review/haiku', 'prompt', ['writing', 'languages'], 'Keeps the season, the cut and the breath; lets the syllables go where they must.'],
];

/** What a model might make of the first description. */
const REWRITTEN = ADA.description.replace('Mathematician in London', 'A mathematician, in the London of').replace(' in 1843', ' 1843').replace('sent her notes on the Analytical Engine', 'posted her notes on the engine').replace('impatient with vagueness', 'short with the vague');

const browser = await launch();

/** A window of its own person. */
async function open(server, options) {
  const context = await browser.newContext({ viewport: SIZE, reducedMotion: 'reduce', ...options });
  await takeFiles(context);
  await context.addInitScript((name) => localStorage.setItem('persona-studio:author', name), options.author ?? 'Mara');
  const page = await context.newPage();
  const go = async (hash, what) => {
    await page.goto(`${server.url}/${hash}`);
    await page.locator(what).first().waitFor();
  };
  return { context, page, go };
}

/** Keeps a picture, with few colours. */
async function keep(page, name) {
  if (!name.startsWith(only)) return;
  await page.mouse.move(0, 0);
  await still(page);
  const file = path.join(folder, `${name}.png`);
  await page.screenshot({ path: file });
  spawnSync('pngquant', ['--force', '--ext', '.png', '--strip', file]);
}

const as = (author, note) => ({ 'x-persona-author': author, ...(note && { 'x-persona-note': note }) });

/** What the pictures show. */
async function fill(server) {
  const items = SAMPLES.map(({ id, ...document }) => ({ op: 'put', id, if_none_match: '*', document }));
  await server.api('POST', 'personas/batch', { items });
  await server.createAll(MORE.map(([name, handle, kind, tags, description, colour = null]) => ({ name, handle, kind, tags, description, extensions: { persona_studio: { colour } } })));
  await server.api('PATCH', `personas/${ADA.id}`, { personality: 'Curious and quick. Answers a question with another question.' }, as('Beatrice'));
  await server.api('PATCH', `personas/${ADA.id}`, { personality: ADA.personality, scenario: '{{user}} calls on her late in the evening, before the proofs come back.' }, as('Mara', 'Closer to her letters'));
  await server.api('PUT', `personas/${ADA.id}/labels/production`, { revision: 1 });
  await server.api('PUT', `personas/${ADA.id}/labels/staging`, { revision: 3 });
}

/** The screens of one theme. */
async function screens(server, colorScheme) {
  const { context, page, go } = await open(server, { colorScheme });
  const shot = async (name) => {
    // A message about the picture before is no part of this one.
    await page.evaluate(() => document.querySelectorAll('.toast .icon-only').forEach((one) => one.click()));
    await page.locator('.toast').first().waitFor({ state: 'detached' });
    await keep(page, `${name}-${colorScheme}`);
  };
  await go('#/', '.folder');
  await shot('gallery');
  await go('#/?folder=work/', 'text=review');
  await shot('folders');
  await go('#/', 'text=kitchen');
  for (const name of ['Museum Guide', 'Nonna Lucia', 'SQL Reviewer']) await page.getByLabel(`Select ${name}`).click();
  await page.getByRole('button', { name: 'List', exact: true }).click();
  await shot('selection');
  await page.locator('.bulk').getByRole('button', { name: 'Label', exact: true }).click();
  await page.getByLabel('Label', { exact: true }).fill('production');
  await shot('release');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Clear selection' }).click();
  await page.getByRole('button', { name: 'Grid', exact: true }).click();
  await page.keyboard.press('Control+k');
  await page.locator('.palette-entry .avatar').first().waitFor();
  await shot('palette');
  await page.keyboard.press('Escape');
  await page.keyboard.press('c');
  await page.getByRole('dialog').getByLabel('Name').fill('The Cartographer');
  await shot('create');
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await shot('shortcuts');
  await page.keyboard.press('Escape');
  await page.setViewportSize(WIDE);
  await go(`#/personas/${ADA.id}`, '.form');
  await shot('editor');
  await page.getByRole('button', { name: 'Rewrite… Description' }).click();
  await page.getByLabel('The rewritten text').fill(REWRITTEN);
  await page.getByRole('button', { name: 'Step through' }).click();
  await page.getByText('Change 1 of').waitFor();
  await page.keyboard.press('t');
  await page.keyboard.press('k');
  await shot('rewrite');
  await page.getByRole('button', { name: 'Discard' }).click();
  await page.setViewportSize(SIZE);
  await go(`#/personas/${ADA.id}/json`, '.code');
  await shot('json');
  await go(`#/personas/${ADA.id}/history?to=3&from=1`, '.compared .diff');
  await page.locator('.timeline .badge.accent').first().waitFor();
  await shot('history');
  await go('#/import', '.drop');
  await shot('import');
  const lines = [{ name: 'Lamplighter', description: 'Knows every street after dark.' }, { id: ADA.id, name: 'Ada Lovelace' }, { name: '' }, { name: 'Botanist' }];
  await page.locator('input[type=file]').setInputFiles({ name: 'friends.ndjson', mimeType: 'text/plain', buffer: Buffer.from(lines.map((one) => JSON.stringify(one)).join('\n')) });
  await page.locator('.import-table').waitFor();
  await shot('import-check');
  await go('#/health', '.figures');
  for (let times = 0; times < 3; times += 1) await page.waitForResponse((answer) => answer.url().endsWith('/status'));
  await shot('health');
  await page.getByText(/ checks are well$/).click();
  // What came of it is shown in both themes; right after a check there is no other.
  if (colorScheme === 'light') await page.getByRole('button', { name: 'Check', exact: true }).click();
  await page.getByText('no problem').waitFor();
  await page.locator('.rows').first().evaluate((one) => one.scrollIntoView({ block: 'end' }));
  await shot('actions');
  await go('#/settings', '.block');
  await shot('settings');
  await page.setViewportSize(PHONE);
  await go('#/', '.card');
  await shot('phone-gallery');
  await go(`#/personas/${ADA.id}`, '.form');
  await shot('phone-editor');
  await context.close();
}

/** Two windows beside each other, as one picture. */
async function beside(left, right, name) {
  const shots = [];
  for (const { page } of [left, right]) {
    await page.mouse.move(0, 0);
    shots.push(`data:image/png;base64,${(await page.screenshot()).toString('base64')}`);
  }
  const page = await browser.newPage({ viewport: { width: 1256, height: 600 } });
  await page.setContent(`<body style="margin:0;display:flex;gap:16px;background:#d4d4dc">${shots.map((one) => `<img src="${one}">`).join('')}</body>`);
  await keep(page, name);
  await page.close();
}

/** A story: a persona is written, two people change it at once, and an earlier text comes back. */
async function recording(server) {
  const viewport = { width: 620, height: 600 };
  const [mara, ben] = [await open(server, { viewport, colorScheme: 'light' }), await open(server, { viewport, colorScheme: 'light', author: 'Ben' })];
  const saved = ({ page }) => page.locator('.save-state.saved').waitFor();
  await mara.go('#/', '.card');
  await mara.page.keyboard.press('c');
  await mara.page.getByRole('dialog').getByLabel('Name').fill('The Cartographer');
  await keep(mara.page, 'story-1-create');
  await mara.page.keyboard.press('Enter');
  const text = (window) => window.page.getByLabel('Description');
  await text(mara).fill('Draws maps of places that do not exist yet.');
  await mara.page.getByText('Saved as r2').waitFor();
  await text(mara).scrollIntoViewIfNeeded();
  await keep(mara.page, 'story-2-write');
  await ben.go(new URL(mara.page.url()).hash, '.form');
  await ben.page.getByLabel('Personality').fill('Patient with ink, impatient with borders.');
  await ben.page.getByText('Saved as r3').waitFor();
  await mara.page.getByText('Ben changed Personality.').waitFor();
  await beside(mara, ben, 'story-3-two-windows');
  await text(ben).fill('Draws maps of places that do not exist any more.');
  await text(mara).fill('Draws maps of cities that do not exist yet.');
  await mara.page.keyboard.press('Control+s');
  await mara.page.getByText('Saved as r4').waitFor();
  await ben.page.getByRole('button', { name: 'Decide…' }).first().click();
  await ben.page.locator('.decision').waitFor();
  await beside(mara, ben, 'story-4-conflict');
  await ben.page.getByLabel('What is kept').fill('Draws maps of cities that do not exist any more.');
  await ben.page.getByRole('button', { name: 'Keep this' }).click();
  await ben.page.getByText('Saved as r5').waitFor();
  await mara.page.getByText('Ben changed Description.').waitFor();
  await beside(mara, ben, 'story-5-decided');
  await mara.page.getByRole('link', { name: 'History' }).click();
  await mara.page.getByLabel(/^Revision/).selectOption('2');
  await mara.page.getByLabel('Compared with').selectOption('5');
  await mara.page.locator('.compared del').first().waitFor();
  await keep(mara.page, 'story-6-history');
  await mara.page.getByRole('button', { name: 'Restore Description' }).click();
  await mara.page.getByText('Saved as r6').waitFor();
  await ben.page.getByText('Mara changed Description.').waitFor();
  await saved(ben);
  await beside(mara, ben, 'story-7-restored');
  for (const { context } of [mara, ben]) await context.close();
}

/** The gallery of a new server, and the question of one that wants a token. */
async function outside() {
  const server = await Server.start();
  try {
    for (const colorScheme of ['light', 'dark']) {
      const { context, page, go } = await open(server, { colorScheme });
      await go('#/', '.welcome');
      await keep(page, `empty-${colorScheme}`);
      await context.close();
    }
    const { token } = server.token('create', '--name=admin', '--scope=admin');
    server.token('create', '--name=ci', '--scope=write', '--expires=90d');
    server.token('create', '--name=reports', '--scope=read+shared', '--owner=team:7');
    for (const colorScheme of ['light', 'dark']) {
      const { context, page, go } = await open(server, { colorScheme });
      await go('#/', 'dialog');
      await keep(page, `sign-in-${colorScheme}`);
      await signIn(page, token);
      await go('#/settings', '.rows li');
      await page.locator('.rows').first().evaluate((one) => one.scrollIntoView({ block: 'center' }));
      await keep(page, `tokens-${colorScheme}`);
      await page.getByRole('button', { name: 'New token' }).click();
      await page.getByLabel('Name', { exact: true }).fill('nightly');
      await keep(page, `token-create-${colorScheme}`);
      await context.close();
    }
  } finally {
    await server.stop('SIGKILL');
  }
}

/** Two people changed one field. */
async function conflict(server, colorScheme) {
  const { context, page, go } = await open(server, { colorScheme });
  await go(`#/personas/${ADA.id}`, '.form');
  // One word of both, so that the picture shows what a clash is.
  const [mine, theirs] = ['small talk', 'flattery'].map((word) => ADA.description.replace('vagueness', word));
  await beforeSave(page, async () => {
    await page.getByLabel('Description').fill(mine);
    await server.api('PATCH', `personas/${ADA.id}`, { description: theirs }, as('Beatrice'));
  });
  await page.getByRole('button', { name: 'Decide…' }).first().click();
  await page.locator('.decision').waitFor();
  await keep(page, `conflict-${colorScheme}`);
  await page.getByRole('button', { name: 'Take theirs' }).click();
  await page.locator('.save-state.saved').waitFor();
  await context.close();
  await server.api('PATCH', `personas/${ADA.id}`, { description: ADA.description });
}

const server = await Server.start({ env: { PERSONA_BACKUP_EVERY: '1h' } });
try {
  await fill(server);
  for (const colorScheme of ['light', 'dark']) await screens(server, colorScheme);
  for (const colorScheme of only ? [] : ['light', 'dark']) await conflict(server, colorScheme);
  if (!only) await outside();
  if (!only) await recording(server);
} finally {
  await browser.close();
  await server.stop('SIGKILL');
}
