import js from '@eslint/js';
import jest from 'eslint-plugin-jest';
import n from 'eslint-plugin-n';
import globals from 'globals';
import tseslint from 'typescript-eslint';

/** What is yours imports the platform through the faces of its rooms: what is behind them may change with an update. */
const facesOnly = {
  files: ['src/**/*.ts', 'tests/features/**/*.ts'],
  ignores: ['src/platform/**'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: 'platform/[a-z]+/(?!index\\.ts$)',
            message: 'Import from the index.ts of the room (src/platform/README.md).',
          },
        ],
      },
    ],
  },
};

/** The platform knows nothing of the app: what differs from app to app is handed in. */
const platformOnly = {
  files: ['src/platform/**/*.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex:
              '^(?:\\.\\./){2,}(?:app|cluster|config|ctl|doctor|errors|serve|server|session|toolkit|features|jobs)(?:\\.ts$|/)',
            message: 'src/platform must not import what is yours: have it handed in.',
          },
        ],
      },
    ],
  },
};

/** What a browser runs as it is. */
const inBrowsers = {
  files: ['src/**/*.js'],
  languageOptions: { globals: globals.browser },
  rules: {
    'max-lines': ['error', { max: 400 }],
    'max-lines-per-function': ['error', { max: 40, skipBlankLines: true, skipComments: true }],
  },
};

export default tseslint.config(
  // The templates are for other folders: what `npm run new` makes of them is linted there.
  { ignores: ['dist', 'coverage', 'node_modules', 'scripts/starter/templates'] },
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
  inBrowsers,
  {
    // Empty lists, until your first feature, job and setting use what is handed to them.
    files: ['src/features/index.ts', 'src/jobs/index.ts', 'src/config.ts'],
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { args: 'none', varsIgnorePattern: '^(?:_|v$)' }],
    },
  },
  facesOnly,
  platformOnly,
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
  { files: ['src/platform/config/**/*.ts'], rules: { 'n/no-process-env': 'off' } },
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
