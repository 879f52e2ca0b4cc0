import type * as v from 'valibot';
import { complete, controlSocketOf, controlSocketProblems } from './complete.ts';
import { ConfigError } from './config-error.ts';
import { generatedValues } from './development-secrets.ts';
import { projectPath } from './paths.ts';
import { productionProblems } from './production-checks.ts';
import { misspeltNames, readValues, type Environment } from './read-values.ts';
import { platformSettings, type PlatformConfig, type PlatformValues } from './settings.ts';
import { warningsOf } from './warnings.ts';

/** In the project's folder, or the release's: the working directory is whatever a supervisor or cron makes it. */
const DOTENV_FILE = projectPath('.env');
const DEVELOPMENT_SECRETS_FILE = projectPath('node_modules', '.cache', 'development-secrets.json');

type Settings = Readonly<Record<string, v.GenericSchema>>;
type ValuesOf<Own extends Settings> = { readonly [Key in keyof Own]: v.InferOutput<Own[Key]> };

/** The whole configuration of an app with these settings of its own. */
export type ConfigWith<Own extends Settings> = PlatformConfig & ValuesOf<Own>;

/** What there is to know about an app's own settings beside their schemas. */
export interface OwnRules<Own extends Settings> {
  /** Settings that are generated for development where nobody sets them, and kept for the next start. */
  readonly generated?: { readonly [Key in keyof Own]?: () => string };
  /** What is wrong with values that are valid one by one: a line per problem, with the variable and how to fix it. */
  readonly problems?: (config: ConfigWith<Own>, given: Partial<ConfigWith<Own>>) => string[];
  /** What the log is to say at the start. */
  readonly notices?: (config: ConfigWith<Own>, given: Partial<ConfigWith<Own>>) => string[];
}

/** A configuration, and all there is to say about it. */
export interface ConfigReport<Config = PlatformConfig> {
  /** Complete, and valid when there are no problems. */
  readonly config: Config;
  /** What was given, valid by itself, without defaults that depend on other keys. */
  readonly given: Partial<Config>;
  /** A line for each reason not to start with it; never a value, which may be a secret. */
  readonly problems: readonly string[];
  /** A line for each thing that is allowed and is rarely meant. */
  readonly warnings: readonly string[];
  /** What the log is to say at the start. */
  readonly notices: readonly string[];
  /**
   * What was generated outside of production, as variables for the workers of a cluster: else each would generate its own
   * where no file can keep them. Empty in production, where a worker reads the secrets itself, so that a reload takes up
   * new ones.
   */
  readonly workerEnv: Readonly<Record<string, string>>;
  /** Where `.env` was looked for, and whether there is one. */
  readonly dotenv: { readonly path: string; readonly found: boolean };
  /** The files that values were read from, `KEY_FILE` and `.env`. */
  readonly files: readonly string[];
}

/**
 * Declares an app's own settings beside the platform's, and returns what reads them all.
 *
 * @param own - a valibot schema per variable; its input is the text of the variable, or undefined.
 * @example
 * const settings = defineConfig({ SHOP_NAME: v.optional(v.string(), 'Shop') });
 */
export function defineConfig<Own extends Settings>(own: Own, rules: OwnRules<Own> = {}) {
  type Config = ConfigWith<Own>;

  /**
   * Reads the configuration and says everything about it.
   *
   * @param env - the environment; it wins over the file.
   * @param dotenvFile - a `.env` file, which need not exist.
   * @param secretsFile - keeps what is generated for development.
   */
  const inspectConfig = (
    env: Environment = process.env,
    dotenvFile = DOTENV_FILE,
    secretsFile = DEVELOPMENT_SECRETS_FILE,
  ): ConfigReport<Config> => inspect(own, rules, { env, dotenvFile, secretsFile });

  return {
    /** The names of all variables, the platform's first. */
    keys: [...Object.keys(platformSettings), ...Object.keys(own)],
    inspectConfig,
    /** @throws {ConfigError} when a variable is wrong or missing; never says a value, which may be a secret. */
    loadConfig: (...sources: Parameters<typeof inspectConfig>): Config => {
      const { config, problems } = inspectConfig(...sources);
      if (problems.length > 0) throw new ConfigError(problems);
      return config;
    },
    /** What production would make of it, whatever NODE_ENV says; and what it says. */
    inspectForProduction: (env: Environment = process.env, dotenvFile = DOTENV_FILE) => {
      const { values } = readValues({ NODE_ENV: platformSettings.NODE_ENV }, env, dotenvFile);
      const report = inspectConfig({ ...env, NODE_ENV: 'production', NODE_ENV_FILE: '' }, dotenvFile);
      return { report, nodeEnv: values.NODE_ENV as PlatformConfig['NODE_ENV'] | undefined };
    },
  };
}

function inspect<Own extends Settings>(
  own: Own,
  rules: OwnRules<Own>,
  { env, dotenvFile, secretsFile }: { env: Environment; dotenvFile: string; secretsFile: string },
): ConfigReport<ConfigWith<Own>> {
  const schemas = { ...platformSettings, ...own };
  const read = readValues(schemas, env, dotenvFile);
  const values = read.values as PlatformValues & ValuesOf<Own>;
  const given = values as unknown as Partial<ConfigWith<Own>>;
  const generated = generatedValues(values, rules.generated ?? {}, secretsFile);
  const complement = { ...complete(values, generated), ...generated.own };
  const config = { ...values, ...complement } as unknown as ConfigWith<Own>;
  const problems = [
    ...read.problems,
    ...controlSocketProblems(config),
    ...productionProblems(config, values),
    ...(rules.problems?.(config, given) ?? []),
  ];
  const { dotenv } = read;
  return {
    config: Object.freeze(config),
    given,
    problems: [...new Set(problems)],
    warnings: [...misspeltNames(dotenv, Object.keys(schemas)), ...warningsOf(config)],
    notices: rules.notices?.(config, given) ?? [],
    workerEnv: workerEnvOf(config, generated.own),
    dotenv,
    files: dotenv.found ? [...read.files, dotenv.path] : read.files,
  };
}

function workerEnvOf(
  { NODE_ENV, SESSION_SECRETS }: PlatformConfig,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  if (NODE_ENV === 'production') return {};
  const values = Object.entries({ SESSION_SECRETS: SESSION_SECRETS.join(','), ...own });
  return Object.fromEntries(
    values.flatMap(([key, value]) => [
      [key, value],
      [`${key}_FILE`, ''],
    ]),
  );
}

/**
 * Where the primary listens for commands: for its client, which needs none of the app's secrets.
 *
 * @throws {ConfigError} when one of the two variables that say it is wrong.
 */
export function loadControlSocket(env: Environment = process.env, dotenvFile = DOTENV_FILE): string {
  const { PORT, CONTROL_SOCKET } = platformSettings;
  const { values, problems } = readValues({ PORT, CONTROL_SOCKET }, env, dotenvFile);
  const socket = { CONTROL_SOCKET: controlSocketOf(values as PlatformValues) };
  problems.push(...controlSocketProblems(socket));
  if (problems.length > 0) throw new ConfigError(problems);
  return socket.CONTROL_SOCKET;
}
