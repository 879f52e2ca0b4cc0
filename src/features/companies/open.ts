import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { problemOf, projectPath } from '../../platform/config/index.ts';
import type { Toolkit } from '../../toolkit.ts';
import { companySchema, type Company } from './company.ts';
import { RedisCompanies } from './redis-repository.ts';
import { MemoryCompanies, type CompanyRepository } from './repository.ts';

/**
 * The companies, in Redis where there is one, else in memory; either way they begin with data/companies.json. A promise,
 * because a database that takes their place has to be connected to.
 */
export function openCompanies({
  config,
  stores,
}: Pick<Toolkit, 'config' | 'stores'>): Promise<CompanyRepository> {
  const seed = readSeed();
  const repository = stores.redis
    ? new RedisCompanies(stores.redis.client, seed, {
        prefix: config.REDIS_KEY_PREFIX,
        changedAt: () => stores.cache.purgedAt('companies'),
      })
    : new MemoryCompanies(seed);
  return Promise.resolve(repository);
}

/**
 * The companies of data/companies.json.
 *
 * @throws {Error} that names each wrong field.
 */
export function readSeed(): readonly Company[] {
  const file = projectPath('data', 'companies.json');
  // eslint-disable-next-line n/no-sync -- start-up, as in static.ts
  const parsed = v.safeParse(v.array(companySchema), JSON.parse(readFileSync(file, 'utf8')));
  if (parsed.success) return parsed.output;
  const problems = parsed.issues.map(problemOf);
  throw new Error(`${file} is not valid:\n${problems.join('\n')}`);
}
