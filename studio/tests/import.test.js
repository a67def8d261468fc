// Import: no persona is changed before the result was shown.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { story, withBrowser } from './harness.js';

withBrowser();

const file = (name, text) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
const cards = (count) => Array.from({ length: count }, (_, place) => JSON.stringify({ name: `Persona ${place}`, handle: `p-${place}`, description: 'Text.' }));
const badge = (page, text) => page.locator('.import-sum').getByText(text, { exact: true }).waitFor();

story('200 personas with 3 broken ones are shown, imported and reported', async ({ server, open }) => {
  const lines = cards(200);
  lines[17] = '{"name": ""}';
  lines[90] = 'no json at all';
  lines[199] = JSON.stringify({ name: 'Wrong', tags: 'not a list' });
  const page = await open('#/import');
  await page.locator('input[type=file]').setInputFiles(file('all.ndjson', lines.join('\n')));
  await badge(page, '197 · New');
  await badge(page, '3 · Cannot be imported');
  assert.equal((await server.api('GET', 'personas?count=exact')).total, 0);
  await page.getByRole('button', { name: 'Import 197 personas' }).click();
  await badge(page, '197 · Created');
  const [report] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download the report' }).click()]);
  const items = JSON.parse(fs.readFileSync(await report.path(), 'utf8')).items;
  assert.deepEqual(items.filter((item) => item.status === 'failed').map((item) => item.line), [18, 91, 200]);
  await page.getByRole('link', { name: 'Show them' }).click();
  await page.getByText('197 personas').first().waitFor();
});

story('personas that differ are left alone until an update is asked for', async ({ server, open }) => {
  const page = await open('#/import');
  const choose = page.locator('input[type=file]');
  await choose.setInputFiles(file('one.ndjson', cards(2).join('\n')));
  await page.getByRole('button', { name: 'Import 2 personas' }).click();
  await badge(page, '2 · Created');
  await page.getByRole('button', { name: 'Other files' }).click();
  await choose.setInputFiles(file('two.ndjson', cards(2).join('\n').replace('Text.', 'Other text.')));
  await badge(page, '1 · Differs here');
  await badge(page, '1 · Same as here');
  assert.ok(await page.getByRole('button', { name: 'Import 0 personas' }).isDisabled());
  await page.getByLabel('Update to the file').check();
  await badge(page, '1 · Would be updated');
  await page.getByRole('button', { name: 'Import 1 persona' }).click();
  await badge(page, '1 · Updated');
  const { items } = await server.api('GET', 'personas?q=other');
  assert.deepEqual(items.map((one) => [one.name, one.revision]), [['Persona 0', 2]]);
});

story('files are dropped on any screen; what is none of personas says so', async ({ open }) => {
  const page = await open('#/settings');
  const drop = (type) => page.evaluate((name) => {
    const data = new DataTransfer();
    data.items.add(new File(['{"name": "Dropped"}\n'], 'drop.ndjson'));
    data.items.add(new File([new Uint8Array([0x89, 0x50, 0x4e, 0x47])], 'picture.png'));
    dispatchEvent(new DragEvent(name, { dataTransfer: data, cancelable: true, bubbles: true }));
  }, type);
  await drop('dragover');
  await page.getByText('Drop to import').waitFor();
  await drop('drop');
  await page.getByRole('heading', { name: 'Import', exact: true }).waitFor();
  await badge(page, '1 · New');
  await badge(page, '1 · Cannot be imported');
  await page.getByText(/the file is a PNG image/).waitFor();
  await page.getByText('Drop to import').waitFor({ state: 'detached' });
});

story('files that are dropped during an import, or with a token that only reads, replace nothing', async ({ server, open, person }) => {
  const drop = (page) => page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(['{"name": "Dropped"}\n'], 'drop.ndjson'));
    const event = new DragEvent('drop', { dataTransfer: data, cancelable: true, bubbles: true });
    dispatchEvent(event);
    return event.defaultPrevented;
  });
  const page = await open('#/import');
  await page.locator('input[type=file]').setInputFiles(file('one.ndjson', cards(2).join('\n')));
  let go;
  const gate = new Promise((resolve) => (go = resolve));
  await page.route('**/api/v1/import?mode=run**', async (route) => {
    await gate;
    return route.continue();
  });
  // Any other request that takes so long is given up.
  await page.evaluate(() => (AbortSignal.timeout = () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort());
    return stop.signal;
  }));
  await page.getByRole('button', { name: 'Import 2 personas' }).click();
  await page.getByText('Importing…').waitFor();
  await drop(page);
  await page.getByText('An import is under way.', { exact: false }).waitFor();
  go();
  await badge(page, '2 · Created');
  server.token('create', '--name=admin', '--scope=admin');
  const reader = await (await person()).newPage();
  await reader.goto(server.token('link', `--url=${server.url}`, '--scope=read').url);
  await reader.locator('html[data-scope=read]').waitFor();
  assert.equal(await drop(reader), true);
  assert.equal(new URL(reader.url()).hash, '#/');
});

story('a file that changed after it was chosen, and a folder, are told from a server that cannot be reached', async ({ server, open }) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'import-'));
  const place = path.join(folder, 'one.ndjson');
  fs.writeFileSync(place, cards(1)[0]);
  const page = await open('#/import');
  const choose = () => page.locator('input[type=file]').setInputFiles(place);
  const told = page.getByRole('alert').getByText('cannot be read', { exact: false });
  await choose();
  await badge(page, '1 · New');
  fs.writeFileSync(place, cards(2).join('\n'));
  await page.getByRole('button', { name: 'Import 1 persona' }).click();
  await told.waitFor();
  // It says what to do, and nothing that is not so: the server was there, and nothing came in.
  await page.getByText('Choose it again', { exact: false }).waitFor();
  for (const text of ['The server cannot be reached.', '0 personas imported']) assert.equal(await page.getByText(text).count(), 0, text);
  assert.equal(await page.getByRole('button', { name: 'Try again' }).count(), 0);
  await page.getByRole('button', { name: 'Other files' }).click();
  await choose();
  await badge(page, '2 · New');
  await page.getByRole('button', { name: 'Import 2 personas' }).click();
  await badge(page, '2 · Created');
  await page.getByText('2 personas imported').waitFor();
  // What a browser makes of a folder that is dropped is a file that cannot be read.
  await page.getByRole('button', { name: 'Other files' }).click();
  await page.evaluate(() => {
    const dropped = new File([], 'folder');
    dropped.arrayBuffer = () => Promise.reject(new DOMException('A folder', 'NotReadableError'));
    const event = new DragEvent('drop', { bubbles: true, cancelable: true });
    Object.defineProperty(event, 'dataTransfer', { value: { types: ['Files'], files: [dropped] } });
    dispatchEvent(event);
  });
  await told.waitFor();
  assert.equal(await page.getByText('The server cannot be reached.').count(), 0);
  fs.rmSync(folder, { recursive: true });
});
