// Makes the page of the documents that lists what the stories tell, from their names, and what the
// rules of accessibility are held to. A test in pure.test.js compares the page with this.
//
//   node stories.js > ../../docs/studio-stories.md

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

const HERE = new URL('.', import.meta.url);

/** Each file of stories: its name, what it is about, and the names of its stories. */
function files() {
  const names = fs.readdirSync(HERE).filter((name) => name.endsWith('.test.js')).sort();
  return names.map((name) => {
    const text = fs.readFileSync(new URL(name, HERE), 'utf8');
    const [head] = text.split('\n\n');
    const about = head.split('\n').map((line) => line.replace(/^\/\/ ?/, '')).join(' ');
    // What differs from one story to the next of a row is in braces.
    const stories = [...text.matchAll(/^ *(?:story|test)\((['`])(.+?)\1, /gm)].map((found) => found[2].replaceAll(/\$\{\w+\}/g, '…'));
    return { name, about, stories, text };
  });
}

/** The page. @returns {string} */
export function page() {
  const all = files();
  const access = all.find(({ name }) => name === 'access.test.js').text;
  const checked = [...access.matchAll(/check(?:Dialog)?\(page, (['`])(.+?)\1\)/g)].map((found) => found[2].replace('${view}', 'grid and list,').replace('${name}', 'tags and labels'));
  return `# What the stories of the studio tell

Made from the names of the stories by \`studio/tests/stories.js\`; a test holds it to them.
Each story runs in Chromium, with a server of its own, on the files that the program has. An error in the console, a violation of the policy of the page or a request to another origin fails it.

## The rules of accessibility

axe-core finds nothing, by its rules for WCAG 2.0 to 2.2, levels A and AA, and for good practice, on each of these: in the light and in the dark theme, at 1280 by 800 and 3840 by 2160 pixels, at 320 by 640, and at 640 by 400, which is a window of 1280 by 800 at a zoom of 200 %.
Nothing is cut off at the side there either. Any finding fails a story; one of them breaks the rules on purpose, and is caught.
\`./test\` meets each theme and each size once, \`./test --long\` each pair.

${[...new Set(checked)].map((one) => `- ${one}`).join('\n')}
- health, settings, import, a search without a result, a persona that there is not
${all.map(({ name, about, stories }) => `\n## ${name}\n\n${about}\n\n${stories.map((one) => `- ${one}`).join('\n')}\n`).join('')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(page());
