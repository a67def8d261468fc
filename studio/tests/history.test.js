// The history: any two revisions compared, and the way back without a loss.

import assert from 'node:assert/strict';
import { story, until, withBrowser } from './harness.js';

withBrowser();

story('revisions are compared word by word, and one field or all of it comes back', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada', description: 'The quick brown fox.', personality: 'Calm.' });
  await server.api('PATCH', `personas/${id}`, { description: 'The quick red fox.' }, { 'x-persona-author': 'Bea', 'x-persona-note': 'Foxes are red' });
  await server.api('PATCH', `personas/${id}`, { description: 'A slow red fox.', personality: 'Wild.' }, { 'x-persona-author': 'Cem' });
  const page = await open(`#/personas/${id}/history`);
  await page.getByText('Foxes are red').click();
  const compared = page.getByRole('region', { name: 'What changed' });
  await compared.getByText('Foxes are red').waitFor();
  assert.match(await compared.locator('del').textContent(), /brown/);
  assert.match(await compared.locator('ins').textContent(), /red/);
  await page.getByLabel('Compared with').selectOption('3');
  await compared.locator('del', { hasText: 'Wild' }).waitFor();
  assert.match(page.url(), /to=2&from=3$/);
  await compared.getByRole('button', { name: 'Restore Description' }).click();
  await until('the field is back, and the other stays', async () => {
    const now = await server.read(id);
    return now.revision === 4 && now.description === 'The quick red fox.' && now.personality === 'Wild.';
  });
  await page.getByRole('button', { name: 'Restore all of it' }).click();
  await until('all of it is back', async () => (await server.read(id)).personality === 'Calm.');
  await page.goBack();
  await page.goForward();
  await page.getByRole('link', { name: 'Write' }).click();
  assert.equal(await page.getByLabel('Personality').inputValue(), 'Calm.');
});

story('a change is saved with a note in any script', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(`#/personas/${id}`);
  await page.getByLabel('Description').fill('Noted.');
  await page.keyboard.press('Control+Shift+s');
  await page.getByLabel('Note', { exact: true }).fill('Weil 世界 so ist ✓');
  await page.keyboard.press('Enter');
  await page.getByText('Saved as r2', { exact: true }).waitFor();
  const { items } = await server.api('GET', `personas/${id}/revisions`);
  assert.deepEqual(items.map((one) => one.note ?? null), ['Weil 世界 so ist ✓', null]);
  await page.getByRole('link', { name: 'History' }).click();
  await page.getByText('Weil 世界 so ist ✓').first().waitFor();
});

story('the saves of one sitting are one line of the timeline', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  for (const text of ['a', 'b', 'c']) await server.api('PATCH', `personas/${id}`, { description: text }, { 'x-persona-author': 'Bea' });
  const page = await open(`#/personas/${id}/history`);
  await page.getByText('r2–4').waitFor();
  await page.getByText('Bea · 3 saves').waitFor();
  assert.equal(await page.locator('.timeline li').count(), 2);
});
