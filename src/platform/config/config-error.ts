/** The exit code for a bad configuration: EX_CONFIG of sysexits.h. Supervisors must not restart after it. */
export const EXIT_BAD_CONFIG = 78;

/** What is wrong: a line per problem, each with the variable and how to fix it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}
