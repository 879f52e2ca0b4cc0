import js from '@eslint/js';
import jest from 'eslint-plugin-jest';
import n from 'eslint-plugin-n';
import globals from 'globals';
import tseslint from 'typescript-eslint';

/**
 * The floors of src/, from the top: entries, app, features, http, runtime and stores, config.
 * A file imports from its own floor or from below it, never from above. runtime keeps clear of stores as well: the
 * cluster primary must not be able to die of Redis.
 */
const above = {
  features: ['app', 'server', 'serve', 'cluster'],
  http: ['app', 'server', 'serve', 'cluster', 'features'],
  runtime: ['app', 'server', 'serve', 'cluster', 'features', 'http', 'stores'],
  stores: ['app', 'server', 'serve', 'cluster', 'features', 'http'],
  config: ['app', 'server', 'serve', 'cluster', 'features', 'http', 'runtime', 'stores'],
};

/** The rule for files so many folders below src/: that many times `../` leads to src/, where the floors are. */
const zone = (files, depth, floor) => ({
  files,
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^${depth === 0 ? '\\./' : '\\.\\./'.repeat(depth)}(?:${above[floor].join('|')})(?:\\.ts$|/)`,
            message: `src/${floor} must not import from a floor above it (see docs/architecture.md).`,
          },
        ],
      },
    ],
  },
});

const zones = [zone(['src/config.ts'], 0, 'config')].concat(
  Object.keys(above).flatMap((floor) => [
    zone([`src/${floor}/*.ts`], 1, floor),
    zone([`src/${floor}/*/*.ts`], 2, floor),
  ]),
);

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'node_modules'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // An empty string counts as not set: || is meant.
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
      // Structural types are what Node's and Express's handlers are built on.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  { files: ['**/*.{js,mjs}'], languageOptions: { globals: globals.node } },
  ...zones,
  {
    files: ['src/**/*.ts'],
    plugins: { n },
    rules: {
      // Synchronous calls block every request. Start-up code that needs one says so, with an eslint-disable and its reason.
      'n/no-sync': ['error', { allowAtRootLevel: true }],
      'n/no-unsupported-features/node-builtins': ['error', { version: '>=20.19.0' }],
      'n/no-process-env': 'error',
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 40, skipBlankLines: true, skipComments: true }],
    },
  },
  { files: ['src/config.ts'], rules: { 'n/no-process-env': 'off' } },
  {
    files: ['tests/**/*.ts'],
    rules: { '@typescript-eslint/unbound-method': 'off' },
  },
  {
    files: ['tests/**/*.test.ts'],
    plugins: { jest },
    rules: {
      ...jest.configs['flat/recommended'].rules,
      'jest/no-disabled-tests': 'error',
      'jest/expect-expect': ['error', { assertFunctionNames: ['expect', 'expect*', '**.expect'] }],
    },
  },
);
