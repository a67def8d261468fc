// Other scripts, input methods, and large text: what is written from right to left is shown so, a
// word that is being composed is no command, and text of twice the size fits.

import assert from 'node:assert/strict';
import { story, until, violations, withBrowser } from './harness.js';

withBrowser();

const directionOf = (locator) => locator.evaluate((element) => getComputedStyle(element).direction);

story('what is written from right to left is shown so, in a page from left to right', async ({ server, open }) => {
  const { id } = await server.create({ name: 'عمر الخيام', description: 'שלום עולם', tags: ['شعر'] });
  await server.create({ name: 'Ada' });
  const page = await open();
  const card = (name) => page.locator('.card-link', { hasText: name });
  await card('Ada').waitFor();
  assert.deepEqual([await directionOf(card('عمر')), await directionOf(card('Ada'))], ['rtl', 'ltr']);
  await page.goto(`${server.url}/#/personas/${id}`);
  const box = page.getByLabel('Description');
  assert.equal(await directionOf(box), 'rtl');
  assert.equal(await directionOf(page.getByRole('heading', { level: 1 })), 'rtl');
  await box.fill('ABC');
  assert.equal(await directionOf(box), 'ltr');
  await box.fill('سلام ABC 123');
  await page.keyboard.press('Control+s');
  await until('it is kept as it was typed', async () => (await server.read(id)).description === 'سلام ABC 123');
});

story('a word that is being composed is no command, and is kept when it is done', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(`#/personas/${id}`);
  const input = await page.context().newCDPSession(page);
  const compose = (text) => input.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
  await page.getByLabel('Description').click();
  for (const text of ['k', 'か', 'かん', 'かんじ']) await compose(text);
  await input.send('Input.insertText', { text: '漢字' });
  assert.equal(await page.getByLabel('Description').inputValue(), '漢字');
  // Enter ends the word of an input method, and adds no tag; the next one does.
  const tags = page.getByLabel('Tags');
  await tags.click();
  await compose('さくら');
  const enter = (isComposing) => tags.evaluate((box, is) => box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: is, bubbles: true, cancelable: true })), isComposing);
  await enter(true);
  assert.equal(await page.getByRole('button', { name: /^Remove the tag/ }).count(), 0);
  await input.send('Input.insertText', { text: '桜' });
  await enter(false);
  await page.getByRole('button', { name: 'Remove the tag 桜' }).waitFor();
  await page.keyboard.press('Control+s');
  await until('both are kept', async () => {
    const { description, tags: kept } = await server.read(id);
    return description === '漢字' && kept.join() === '桜';
  });
});

story('text of twice the size fits, and every rule holds', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'A name of some words '.repeat(6).trim(), description: 'word '.repeat(200), tags: ['maths', 'x'.repeat(60)] });
  const context = await person({ viewport: { width: 1280, height: 1024 } });
  await context.addInitScript(() => addEventListener('DOMContentLoaded', () => (document.documentElement.style.fontSize = '200%')));
  for (const [hash, shown] of [['#/', '.card'], [`#/personas/${id}`, '#field-description'], [`#/personas/${id}/history`, '.editor-head'], ['#/health', 'table'], ['#/settings', '.block'], ['#/import', 'h1']]) {
    const page = await open(hash, { context });
    await page.locator(shown).first().waitFor();
    const over = await page.evaluate(() => document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth);
    assert.ok(over <= 0, `${hash}: ${over} pixels are cut off`);
    assert.deepEqual(await violations(page), [], hash);
    await page.close();
  }
});

story('a text that others change while it is written keeps its caret, and a word that is being composed', async ({ server, open, person }) => {
  const text = (first, last) => `${first}\n\nTwo.\n\n${last}`;
  const { id } = await server.create({ name: 'Ada', description: text('One.', 'Three.') });
  const page = await open(`#/personas/${id}`, { context: await person() });
  const box = page.getByLabel('Description');
  const theirs = (members) => server.api('PATCH', `personas/${id}`, members, { 'x-persona-author': 'Bea' });
  const caret = () => box.evaluate((one) => one.selectionStart);
  await box.focus();
  await box.evaluate((one) => one.setSelectionRange(one.value.length - 1, one.value.length - 1));
  await theirs({ description: text('One, and much more of it.', 'Three.') });
  await until('it is taken in', async () => (await box.inputValue()).startsWith('One, and'));
  assert.equal(await caret(), text('One, and much more of it.', 'Three').length);
  await page.keyboard.type(' here');
  assert.equal(await box.inputValue(), text('One, and much more of it.', 'Three here.'));
  await until('both are kept', async () => (await server.read(id)).description === text('One, and much more of it.', 'Three here.'));
  // A word of an input method: the box is left alone until it is done, and then has both.
  await page.getByText(/^Saved as/).waitFor();
  const input = await page.context().newCDPSession(page);
  await input.send('Input.imeSetComposition', { text: 'に', selectionStart: 1, selectionEnd: 1 });
  await theirs({ description: text('First.', 'Three here.') });
  await page.getByText('Bea changed Description', { exact: false }).waitFor();
  assert.equal(await box.inputValue(), text('One, and much more of it.', 'Three hereに.'));
  await input.send('Input.imeSetComposition', { text: 'にほ', selectionStart: 2, selectionEnd: 2 });
  await input.send('Input.insertText', { text: '日本' });
  await until('both are kept', async () => (await server.read(id)).description === text('First.', 'Three here日本.'));
  await until('both are there', async () => (await box.inputValue()) === text('First.', 'Three here日本.'));
});
