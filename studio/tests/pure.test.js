// The modules without a page: words, merges, searches, figures.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { bytes, sizeOf } from '../app/figures.js';
import { chosenText, isRewrite, piecesOf, valueAt, withValueAt } from '../app/hunks.js';
import { changes, merge3, merged, patchOf, reconcile, same } from '../app/merge.js';
import { handleIn, numbered, searchText, wordDiff } from '../app/words.js';
import { page } from './stories.js';

const side = (parts, kind) => parts.filter((part) => part.kind === 'same' || part.kind === kind).map((part) => part.text).join('');

test('a difference of words contains both texts, whatever they are', () => {
  let seed = 7;
  const random = (below) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below;
  const text = () => Array.from({ length: random(14) }, () => 'ab é，👩‍🚀'.at(random(6)) + ' '.repeat(random(2))).join('');
  for (let round = 0; round < 3000; round += 1) {
    const [before, after] = [text(), text()];
    const parts = wordDiff(before, after);
    assert.deepEqual([side(parts, 'removed'), side(parts, 'added')], [before, after]);
  }
});

test('a difference shows the words that changed and no others', () => {
  assert.deepEqual(wordDiff('The quick brown fox', 'The slow brown foxes jump'), [
    { kind: 'same', text: 'The ' }, { kind: 'removed', text: 'quick' }, { kind: 'added', text: 'slow' }, { kind: 'same', text: ' brown ' },
    { kind: 'removed', text: 'fox' }, { kind: 'added', text: 'foxes jump' },
  ]);
  assert.deepEqual(wordDiff('', ''), []);
});

test('two long texts without a common word are one replacement', () => {
  const [before, after] = ['a ', 'b '].map((word) => word.repeat(50_000));
  const parts = wordDiff(before, after);
  assert.deepEqual([side(parts, 'removed'), side(parts, 'added')], [before, after]);
});

test('the changes of a rewrite make both texts, and each decision is found in the result', () => {
  let seed = 13;
  const random = (below) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below;
  const text = () => Array.from({ length: random(30) }, () => ['one', 'two', 'drei', '👩‍🚀', '\n', '\n\n', ', '][random(7)]).join(random(2) ? ' ' : '');
  for (let round = 0; round < 3000; round += 1) {
    const [before, after] = [text(), text()];
    const pieces = piecesOf(before, after);
    const hunks = pieces.filter((piece) => 'key' in piece);
    assert.equal(new Set(hunks.map(({ key }) => key)).size, hunks.length);
    assert.ok(hunks.every((hunk) => hunk.before !== hunk.after) && pieces.every((piece, place) => place === 0 || 'same' in piece !== 'same' in pieces[place - 1]), JSON.stringify(pieces));
    const all = (side) => Object.fromEntries(hunks.map((hunk) => [hunk.key, hunk[side]]));
    assert.deepEqual([chosenText(pieces, {}), chosenText(pieces, all('before')), chosenText(pieces, all('after'))], [before, before, after]);
  }
});

test('the changes of a rewrite are those that one decides together', () => {
  const changed = (before, after) => piecesOf(before, after).filter((piece) => 'key' in piece).map((hunk) => [hunk.before, hunk.after]);
  assert.deepEqual(changed('The quick brown fox', 'The slow brown fox'), [['quick', 'slow']]);
  assert.deepEqual(changed('He is tall, dark and kind.', 'She was small, fair and kind.'), [['He is tall, dark', 'She was small, fair']]);
  assert.deepEqual(changed('One here.\nTwo here.', 'Eins here.\nZwei here.'), [['One', 'Eins'], ['Two', 'Zwei']]);
  // Too many other words to be compared as one text: line by line.
  const lines = (word) => Array.from({ length: 900 }, (_, place) => `${word}${place} stays ${word}${place}.`).join('\n');
  assert.equal(changed(lines('a'), lines('b')).length, 1800);
});

test('a decision keeps its place where the text changes elsewhere', () => {
  const key = (before, after, place) => piecesOf(before, after).filter((piece) => 'key' in piece)[place].key;
  assert.equal(key('a one b', 'a two b', 0), key('x\na one b', 'y\na two b', 1));
  assert.notEqual(key('a one b', 'a two b', 0), key('a one b', 'a three b', 0));
});

test('a paste is a rewrite where it replaces most of a long text', () => {
  const long = 'word '.repeat(60);
  assert.deepEqual([[long, 300, 'x'], [long, 151, 'x'], [long, 149, 'x'], [long, 300, ' '], [long, 300, long], ['short', 5, 'x']].map((all) => isRewrite(...all)), [true, true, false, false, false, false]);
  const form = { list: ['a', 'b'], book: { entries: [{ content: 'c', keys: [] }] } };
  assert.deepEqual([valueAt(form, '/list/1'), valueAt(form, '/book/entries/0/content'), valueAt(form, '/none/0')], ['b', 'c', undefined]);
  assert.deepEqual(withValueAt(form, ['book', 'entries', '0', 'content'], 'd'), { list: ['a', 'b'], book: { entries: [{ content: 'd', keys: [] }] } });
  assert.deepEqual(withValueAt(form, ['list', '1'], 'd').list, ['a', 'd']);
});

test('what one side changed is taken, and what both changed is to be decided', () => {
  const base = { a: 1, b: 1, c: 1, d: [1], e: { x: 1 } };
  const { form, both, taken } = reconcile(base, { ...base, a: 2, b: 2, c: 2, e: { x: 2 } }, { ...base, b: 3, c: 2, d: [2], e: { x: 1 } });
  assert.deepEqual(form, { a: 2, b: 3, c: 2, d: [2], e: { x: 2 } });
  assert.deepEqual(both, { b: { base: 1, theirs: 2, yours: 3 } });
  assert.deepEqual(taken, ['a', 'e']);
});

test('a merge goes by lines, items and keys, and decides only what both changed', () => {
  const merge = (base, theirs, yours, path = '/description') => {
    const clashes = [];
    const value = merge3(base, theirs, yours, path, (clash) => {
      clashes.push(clash);
      return clash.yours;
    });
    return [value, clashes];
  };
  for (const [base, theirs, yours, all] of [
    ['a\n\nb', 'A\n\nb', 'a\n\nB', 'A\n\nB'],
    ['a\n\nb\n', 'a\n\nb\nc\n', 'b\n', 'b\nc\n'],
    [['a'], ['a', 'b'], ['a', 'c'], ['a', 'b', 'c']],
    [['a', 'b', 'c'], ['b', 'c'], ['a', 'b', 'd'], ['b', 'd']],
    [['a\n\nb'], ['A\n\nb', 'c'], ['a\n\nB'], ['A\n\nB', 'c']],
    [{ x: 1, y: 1 }, { x: 2, y: 1 }, { x: 1, z: 3 }, { x: 2, z: 3 }],
    [{ entries: [{ id: 1, content: 'a', on: true }] }, { entries: [{ content: 'a', id: 1, on: false }, { id: 2 }] }, { entries: [{ id: 1, content: 'b', on: true }, { id: 3 }] }, { entries: [{ id: 1, content: 'b', on: false }, { id: 2 }, { id: 3 }] }],
  ]) assert.deepEqual(merge(base, theirs, yours), [all, []]);
  // In a clash of texts each side has also what the other one changed elsewhere.
  assert.deepEqual(merge('a\n\nb', 'A\n\nB', 'x\n\nb'), ['x\n\nB', [{ path: '/description', base: 'a\n\nb', theirs: 'A\n\nB', yours: 'x\n\nB' }]]);
  assert.deepEqual(merge(['a', 'b'], ['A', 'b', 'c'], ['x', 'b'], '/tags')[1], [{ path: '/tags/0', base: 'a', theirs: 'A', yours: 'x' }]);
  assert.deepEqual(merge(['a'], [], ['x'], '/tags'), [['x'], [{ path: '/tags/0', base: ['a'], theirs: [], yours: ['x'] }]]);
  // Nothing says that the data of other programs has lines or items.
  assert.equal(merge({ s: 'a\n\nb' }, { s: 'A\n\nb' }, { s: 'a\n\nB' }, '/extensions')[1].length, 1);
  const both = { base: ['a', '', 'b'], theirs: ['A', '', 'B'], yours: ['x', '', 'y'] };
  const [value] = merged('tags', both, (clash) => (clash.path === '/tags/2' ? clash.theirs : clash.yours));
  assert.deepEqual(value, ['x', '', 'B']);
  assert.deepEqual(merged('tags', { ...both, yours: value, done: ['/tags/2'] })[1].map((clash) => clash.path), ['/tags/0']);
});

test('whatever two sides do to a list or a text, a merge with the base is the other side, and no unit of one side alone is lost', () => {
  let seed = 11;
  const random = (below) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below;
  const side = (base, name) => base.flatMap((one, place) => [...(random(5) ? [one] : []), ...(random(5) ? [] : [`${name}${place}`])]);
  for (let round = 0; round < 3000; round += 1) {
    const base = Array.from({ length: random(9) }, (_, place) => (random(3) ? `b${place}` : ''));
    const [theirs, yours] = [side(base, 't'), side(base, 'y')];
    for (const shape of [(list) => list, (list) => list.join('\n')]) {
      const [one, two, three] = [base, theirs, yours].map(shape);
      const never = () => assert.fail();
      assert.deepEqual(merge3(one, two, one, '/x', never), two);
      assert.deepEqual(merge3(one, one, three, '/x', never), three);
      assert.deepEqual(merge3(one, two, two, '/x', never), two);
      const pick = (which) => merge3(one, two, three, '/x', (clash) => clash[which]);
      const units = (value) => (typeof value === 'string' ? value.split('\n') : value);
      assert.ok(units(three).filter((unit) => unit.startsWith('y')).every((unit) => units(pick('yours')).includes(unit)));
      assert.ok(units(two).filter((unit) => unit.startsWith('t')).every((unit) => units(pick('theirs')).includes(unit)));
    }
  }
});

test('equality goes by content and not by order of members', () => {
  assert.ok(same({ a: [1, { b: null }], c: 'x' }, { c: 'x', a: [1, { b: null }] }));
  for (const [one, other] of [[[], {}], [null, {}], [{ a: 1 }, { b: 1 }], [[1], [1, 2]], ['1', 1], [{ a: undefined }, {}]]) assert.ok(!same(one, other));
  assert.deepEqual(changes({ a: 1, b: [1] }, { a: 1, b: [2] }), { b: [2] });
  assert.deepEqual(patchOf({ 'a/b~': null }), [{ op: 'add', path: '/a~1b~0', value: null }]);
});

test('the last word of a search may be unfinished, unless it is short, unwanted or quoted', () => {
  const all = { wiz: 'wiz*', 'old wiz': 'old wiz*', w: 'w', '-wiz': '-wiz', 'a -wiz': 'a -wiz', '"old wiz': '"old wiz', 'wiz ': 'wiz', 'c++': 'c++', 'wiz*': 'wiz*', '': '', '  x1': 'x1*', ünï: 'ünï*' };
  for (const [typed, asked] of Object.entries(all)) assert.equal(searchText(typed), asked, typed);
});

test('figures are read as people say them', () => {
  assert.deepEqual([0, 1023, 1536, 5 * 1024 ** 3, 300 * 1024 ** 2].map(bytes), ['0 B', '1,023 B', '1.5 KiB', '5 GiB', '300 MiB']);
  assert.deepEqual([sizeOf('a👩‍🚀é').characters, ...['word word', '你好', ''].map((text) => sizeOf(text).tokens)], [5, 3, 2, 0]);
  for (const text of ['', 'abc', 'é你👩‍🚀', 'ünï '.repeat(50), '🦊'.repeat(9)]) assert.equal(sizeOf(text).bytes, new TextEncoder().encode(text).length, text);
});

test('a handle of a name is one that the server takes, in the folder, with a number where it is taken', () => {
  assert.equal(handleIn('a/b/', 'Dr. Émile O’Connor 2'), 'a/b/dr-emile-o-connor-2');
  assert.equal(handleIn('a/', '—', 'Agent'), 'a/agent');
  assert.deepEqual(['', 'Not a folder/', '/', 'a'].map((folder) => handleIn(folder, 'Ada')), ['', '', '', '']);
  const longest = handleIn(`${'f'.repeat(62)}/`, 'Ada');
  assert.equal(longest, `${'f'.repeat(62)}/a`);
  assert.deepEqual([1, 2, 12].map((number) => numbered('a/ada', number)), ['a/ada', 'a/ada-2', 'a/ada-12']);
  assert.equal(numbered(`a/${'x'.repeat(62)}`, 117), `a/${'x'.repeat(58)}-117`);
  for (const name of ['', ' ', '👩‍🚀', 'ŁÓDŹ', 'a--b', '-', 'x'.repeat(300)]) assert.match(handleIn('a/', name, 'user'), /^[a-z0-9/-]{3,64}$/);
});

test('the page of the documents lists the stories that there are', () => {
  const written = fs.readFileSync(new URL('../../docs/studio-stories.md', import.meta.url), 'utf8');
  assert.equal(written, page(), 'node stories.js > ../../docs/studio-stories.md');
  assert.ok(written.split('\n- ').length > 150);
});
