// docs/remove-what-you-dont-need.md, made from the manifest.
import { matching } from './files.mjs';
import { PARTS } from './manifest.mjs';

export const GUIDE = 'docs/remove-what-you-dont-need.md';

/** @param answers - of a clone: what it has removed is not in the guide. */
export function guide({ without = [] } = {}) {
  const parts = PARTS.filter(({ name }) => !without.includes(name));
  return `# Remove what you don't need

How to remove examples and targets that you do not use. This page is made from \`scripts/starter/manifest.mjs\`, which
\`npm run init\` uses too.

\`\`\`sh
npm run init -- --without companies,home,jobs    # shows what it will do, and asks
npm run init -- --keep docker,nginx,redis        # of the targets in deploy/, keeps these alone
npm run check                                    # reports what still refers to what you removed
\`\`\`

Init removes the files, their lines in other files, tests, packages and rows of the docs. Commit first: git brings everything back.
It refuses to remove a part that another one needs: the third column says what goes with it, and has to be named too.
By hand: delete what the part consists of, change the files that name it, and run \`npm run check\`.

## The parts

| part | what it is | remove with it |
| ---- | ---------- | -------------- |
${parts.map((part) => `| [\`${part.name}\`](#${part.name}) | ${part.about} | ${dependents(part, parts)} |`).join('\n')}

${parts.map((part) => section(part, without)).join('\n\n')}

## The rest

- **Redis** is optional: without \`REDIS_URL\` everything is in memory, which is right for one process. Leave the code; it costs
  nothing, and you need it for a second process.
- **The cluster**: start \`dist/server.js\` instead of \`dist/cluster.js\`, in \`package.json\` and in the targets that you use.
- **The tests of the platform** use features of their own (\`tests/fixtures/whole-app\`), so they stay.
`;
}

function dependents({ name }, parts) {
  return parts
    .filter(({ needs = [] }) => needs.includes(name))
    .map((part) => `\`${part.name}\``)
    .join(', ');
}

function section({ name, delete: all, edits = [], packages = [], scripts = [] }, without) {
  const removed = PARTS.filter((part) => without.includes(part.name)).flatMap((part) => part.delete);
  const isThere = (file) =>
    !removed.some((pattern) => pattern === file || matching([file], pattern).length > 0);
  const files = [...new Set(edits.map(({ file }) => file))].filter(isThere);
  const patterns = all.filter(isThere);
  const list = (names) => names.map((one) => `\`${one}\``).join(', ');
  return [
    `### ${name}`,
    '',
    `- delete: ${patterns.map((one) => `\`${one}\``).join(', ')}`,
    ...(files.length > 0 ? [`- change: ${list(files)}`] : []),
    ...(packages.length > 0 ? [`- \`npm uninstall ${packages.join(' ')}\``] : []),
    ...(scripts.length > 0 ? [`- scripts in \`package.json\`: ${list(scripts)}`] : []),
  ].join('\n');
}
