// What can be removed from a clone: per part its files, its lines in files of others, its packages and scripts. `npm run init`
// and docs/remove-what-you-dont-need.md are made from this. How an edit is written: edits.mjs.

/** A line of `.ci/run` and a row of docs/add-a-test.md: the step of a suite. */
const PRACTICES = 'docs/practices.md';
const DEPLOY = 'deploy/README.md';
const BUDGET = 'tests/project/timeout-budget.test.ts';

/** Removes a piece of a list within a line. */
const without = (file, ...pieces) => pieces.map((piece) => ({ file, replace: [piece, ''] }));

/** The template's own tests and limits, which a clone does not need. */
export const TEMPLATE_ONLY = {
  name: 'template',
  delete: [
    'tests/template/',
    'jest.template.config.mjs',
    'scripts/size.mjs',
    'tests/project/size.test.ts',
  ],
  scripts: ['test:template', 'size'],
  edits: [
    { file: '.ci/run', lines: ["step 'test:template' npm run test:template"] },
    { file: 'docs/add-a-test.md', rows: ['`npm run test:template`'] },
    ...without('package.json', ' && npm run test:template'),
    ...without('jest.config.mjs', "\n    '/tests/template/',", ", '/tests/template/'"),
  ],
};

const EXAMPLES = [
  {
    name: 'companies',
    about: 'the example with a paged list, a search, a CSV stream, files, and data in Redis',
    delete: ['src/features/companies/', 'data/', 'tests/features/companies*.test.ts'],
    packages: ['csv-stringify'],
    edits: [
      {
        file: 'src/features/index.ts',
        lines: [
          "import { companies } from './companies/index.ts';",
          "import { openCompanies } from './companies/open.ts';",
          'const repository = await openCompanies(toolkit);',
          "router.use('/api', companies(toolkit, repository));",
        ],
      },
      { file: 'src/features/index.ts', replace: ['export async function features(', 'export function features('] },
      { file: 'src/features/index.ts', replace: ['return { companies: repository };', 'return {};'] },
      { file: 'Dockerfile', lines: ['COPY data data', 'COPY --from=build /app/data data'] },
      ...without('Dockerfile', ' data scripts\n'.slice(0, 5)),
      { file: '.dockerignore', lines: ['!data'] },
      { file: '.prettierignore', lines: ['data/companies.json'] },
      { file: 'scripts/package.mjs', lines: ["'data',"] },
      ...without('tests/support/app-copy.ts', "'data', "),
      ...without('tests/support/cluster/releases.ts', "'data', "),
      ...without('tests/support/deploy/releases.ts', "'data', "),
      ...without('tests/support/docs/snippets.ts', ", 'data'"),
      ...without('tests/support/deploy/docker-project.ts', "'data/.env', "),
      ...without('bench/lib/app-under-test.mjs', "'data', "),
      { file: 'tests/project/docs.test.ts', lines: ["'data',"] },
      { file: 'bench/soak.mjs', lines: ["'/api/companies/71',", "'/api/companies?page=2',"] },
      { file: 'README.md', replace: ['copy `todos`, then see `companies`; ', 'copy `todos`; '] },
      { file: 'README.zh-TW.md', replace: ['，再看 `companies`', ''] },
      { file: 'docs/architecture.md', replace: [', companies the large one', ''] },
      {
        file: 'docs/add-a-route.md',
        replace: [
          ' · [companies](../src/features/companies/index.ts), an example with a paged\nlist, a search, a CSV stream, a file, and data in Redis',
          '',
        ],
      },
    ],
  },
  {
    name: 'jobs',
    about: 'the example of a background job, which keeps the companies in the cache',
    needs: ['companies'],
    delete: ['tests/features/jobs.test.ts'],
    edits: [
      { file: 'src/jobs/index.ts', lines: ["import { cachedCompanies } from '../features/companies/search.ts';"] },
      {
        file: 'src/jobs/index.ts',
        from: '// More often than the companies get stale: no search has to wait for them.',
        to: "{ name: 'refresh-companies', every: 30, run: () => cachedCompanies(opened.companies, toolkit.stores.cache) },",
      },
    ],
  },
  {
    name: 'home',
    about: 'the start page, with its forms for a try of login and change',
    needs: ['account', 'companies'],
    delete: ['src/features/home/', 'public/app.js', 'tests/features/home.test.ts'],
    edits: [
      {
        file: 'src/features/index.ts',
        lines: [
          "import { demoForms } from './home/demo.ts';",
          "import { home } from './home/index.ts';",
          "if (users.demo) router.use('/demo', demoForms(toolkit, { users, companies: repository }));",
          "router.use('/', home(toolkit, { demo: users.demo }));",
        ],
      },
      {
        file: 'src/session.ts',
        lines: ['/** How often the start page was seen. */', 'visits: v.optional(v.number()),'],
      },
    ],
  },
  {
    name: 'account',
    about: 'the login by name and password at `/api/session`; sessions stay, for a login of your own',
    delete: [
      'src/features/account/',
      'scripts/hash-password.mjs',
      'tests/features/account.test.ts',
      'tests/features/demo-password.test.ts',
      'tests/features/hash-password.test.ts',
      'tests/features/password.test.ts',
      'tests/features/users.test.ts',
      'tests/platform/cluster/demo-login.test.ts',
      'tests/support/demo-user.ts',
    ],
    scripts: ['hash-password'],
    edits: [
      {
        file: 'src/features/index.ts',
        lines: [
          "import { account } from './account/index.ts';",
          "import { createUsers } from './account/users.ts';",
          'const users = createUsers(toolkit);',
          "router.use('/api/session', account(toolkit, users));",
        ],
      },
      { file: 'src/errors.ts', lines: ["LOGIN_FAILED: [401, 'Wrong user name or password'],"] },
      {
        file: 'src/config.ts',
        lines: ["import { randomBytes } from 'node:crypto';", "import { users } from './features/account/users-setting.ts';"],
      },
      {
        file: 'src/config.ts',
        from: '/** Who may log in: a JSON array of { id, name, passwordHash }, mostly given as USERS_FILE. */',
        to: "DEMO_PASSWORD: v.optional(v.pipe(v.string(), v.minCodePoints(8, 'must have at least 8 characters'))),",
      },
      { file: 'src/config.ts', from: 'const settings = defineConfig(own, {', to: '});' },
      {
        file: 'src/config.ts',
        replace: [
          '/** The configuration: validated, complete and frozen. */',
          'const settings = defineConfig(own);\n\n/** The configuration: validated, complete and frozen. */',
        ],
      },
      {
        file: '.env.example',
        from: '# Who may log in: a JSON array of { "id", "name", "passwordHash" }. `npm run hash-password` prints a hash.',
      },
      ...without('Dockerfile', ' /app/scripts/hash-password.mjs'),
    ],
  },
  {
    name: 'todos',
    about: 'the first example of a feature: a list for each visitor, in the session',
    delete: ['src/features/todos/', 'tests/features/todos.test.ts'],
    edits: [
      {
        file: 'src/features/index.ts',
        lines: ["import { todos } from './todos/index.ts';", "router.use('/api/todos', todos(toolkit));"],
      },
      {
        file: 'src/session.ts',
        lines: ["/** The visitor's to-do list. */", 'todos: v.optional(v.array(v.string())),'],
      },
    ],
  },
];

export const PARTS = [...EXAMPLES];
