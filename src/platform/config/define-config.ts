import * as v from 'valibot';
import { controlSocketProblems, problemsOf, warningsOf } from './checks.ts';
import { ConfigError } from './config-error.ts';
import { generateSecrets } from './development-secrets.ts';
import { projectPath } from './paths.ts';
import { readValues, type Environment, type ValueSource } from './read-values.ts';
import { complete, platformSettings } from './settings.ts';
import type { PlatformConfig, PlatformValues } from './settings.ts';

/** In the project's folder, or the release's: the working directory is whatever a supervisor or cron makes it. */
const DOTENV_FILE = projectPath('.env');
const DEVELOPMENT_SECRETS_FILE = projectPath('node_modules', '.cache', 'development-secrets.json');

type Settings = Readonly<Record<string, v.GenericSchema>>;

/** The whole configuration of an app with these settings of its own. */
type ConfigWith<Own extends Settings> = PlatformConfig & {
  readonly [Key in keyof Own]: v.InferOutput<Own[Key]>;
};

/** Lines about values that are valid one by one. `given` has neither defaults nor what was generated. */
type Rule<Config> = (config: Config, given: Partial<Config>) => string[];

interface OwnRules<Own extends Settings> {
  /** Settings that are generated for development where nobody sets them, and kept for the next start. */
  readonly generated?: { readonly [Key in keyof Own]?: () => string };
  /** One line per problem, with the variable and how to fix it. */
  readonly problems?: Rule<ConfigWith<Own>>;
  /** Lines for the log at the start. */
  readonly notices?: Rule<ConfigWith<Own>>;
}

/** A configuration, and everything to report about it. */
export interface ConfigReport<Config = PlatformConfig> {
  /** Complete, and valid when there are no problems. */
  readonly config: Config;
  /** A line for each reason not to start with it; never a value, which may be a secret. */
  readonly problems: readonly string[];
  /** A line for each thing that is allowed and is rarely meant. */
  readonly warnings: readonly string[];
  /** Lines for the log at the start. */
  readonly notices: readonly string[];
  /** What was generated, as variables for a cluster's workers: where no file can keep it, each would generate its own. */
  readonly workerEnv: Readonly<Record<string, string>>;
  /** Where `.env` was looked for, and whether there is one. */
  readonly dotenv: { readonly path: string; readonly found: boolean };
  /** The files that values were read from, `KEY_FILE` and `.env`. */
  readonly files: readonly string[];
  /** Where each value comes from; of the others it is the default. */
  readonly sources: Readonly<Record<string, ValueSource | 'generated'>>;
}

/**
 * Declares an app's own settings beside the platform's, and returns what reads them all.
 *
 * @param own - a valibot schema per variable; its input is the text of the variable, or undefined.
 */
export function defineConfig<Own extends Settings>(own: Own, rules: OwnRules<Own> = {}) {
  const schemas = { ...platformSettings, ...own };

  /**
   * Reads the configuration, and reports everything about it.
   *
   * @param env - the environment; it wins over the file.
   * @param dotenvFile - a `.env` file, which need not exist.
   * @param secretsFile - keeps what is generated for development.
   */
  const inspectConfig = (
    env: Environment = process.env,
    dotenvFile = DOTENV_FILE,
    secretsFile = DEVELOPMENT_SECRETS_FILE,
  ) => report(schemas, rules, readValues(schemas, env, dotenvFile), secretsFile);

  return {
    /** The names of all variables, the platform's first. */
    keys: Object.keys(schemas),
    inspectConfig,
    /** @throws {ConfigError} when a variable is wrong or missing. */
    loadConfig: (...sources: Parameters<typeof inspectConfig>) => {
      const { config, problems } = inspectConfig(...sources);
      if (problems.length > 0) throw new ConfigError(problems);
      return config;
    },
    /** The report that production would get, whatever NODE_ENV is; and NODE_ENV itself. */
    inspectForProduction: (env: Environment = process.env, dotenvFile = DOTENV_FILE) => ({
      report: inspectConfig({ ...env, NODE_ENV: 'production', NODE_ENV_FILE: '' }, dotenvFile),
      nodeEnv: readValues({ NODE_ENV: platformSettings.NODE_ENV }, env, dotenvFile).values.NODE_ENV,
    }),
  };
}

function report<Own extends Settings>(
  schemas: Settings,
  rules: OwnRules<Own>,
  { problems, values, ...read }: ReturnType<typeof readValues>,
  secretsFile: string,
): ConfigReport<ConfigWith<Own>> {
  const given = values as PlatformValues & Partial<ConfigWith<Own>>;
  const generated: Record<string, unknown> = {};
  const workerEnv: Record<string, string> = {};
  for (const [key, secret] of generateSecrets(values, rules.generated ?? {}, secretsFile)) {
    if (schemas[key]) generated[key] = v.parse(schemas[key], secret);
    // One of the two may be set.
    Object.assign(workerEnv, { [key]: secret, [`${key}_FILE`]: '' });
  }
  const config = complete({ ...given, ...generated }) as ConfigWith<Own>;
  problems.push(...problemsOf(config, given), ...(rules.problems?.(config, given) ?? []));
  return {
    ...read,
    config: Object.freeze(config),
    problems: [...new Set(problems)],
    warnings: [...read.warnings, ...warningsOf(config)],
    notices: rules.notices?.(config, given) ?? [],
    workerEnv,
    sources: {
      ...read.sources,
      ...Object.fromEntries(Object.keys(generated).map((key) => [key, 'generated' as const])),
    },
  };
}

/**
 * Where the primary listens for commands, for its client, which needs none of the app's secrets.
 *
 * @throws {ConfigError} when PORT or CONTROL_SOCKET is wrong.
 */
export function loadControlSocket(env: Environment = process.env, dotenvFile = DOTENV_FILE): string {
  const { PORT, CONTROL_SOCKET } = platformSettings;
  const { values, problems } = readValues({ PORT, CONTROL_SOCKET }, env, dotenvFile);
  const path = complete(values as PlatformValues).CONTROL_SOCKET;
  problems.push(...controlSocketProblems(path));
  if (problems.length > 0) throw new ConfigError(problems);
  return path;
}
