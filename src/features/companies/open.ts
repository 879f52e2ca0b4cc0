import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { projectPath } from '../../config/paths.ts';
import { problemOf } from '../../config/schemas.ts';
import type { Toolkit } from '../../http/toolkit.ts';
import { companySchema, type Company } from './company.ts';
import { RedisCompanies } from './redis-repository.ts';
import { MemoryCompanies, type CompanyRepository } from './repository.ts';

/** The companies, in Redis where there is one, else in memory; either way they begin with data/companies.json. */
export async function openCompanies({
  config,
  stores,
}: Pick<Toolkit, 'config' | 'stores'>): Promise<CompanyRepository> {
  const seed = await readSeed();
  if (!stores.redis) return new MemoryCompanies(seed);
  return new RedisCompanies(stores.redis.client, seed, { prefix: config.REDIS_KEY_PREFIX });
}

/**
 * The companies of data/companies.json.
 *
 * @throws {Error} that names each wrong field.
 */
export async function readSeed(): Promise<readonly Company[]> {
  const file = projectPath('data', 'companies.json');
  const parsed = v.safeParse(v.array(companySchema), JSON.parse(await readFile(file, 'utf8')));
  if (parsed.success) return parsed.output;
  const problems = parsed.issues.map(problemOf);
  throw new Error(`${file} is not valid:\n${problems.join('\n')}`);
}
