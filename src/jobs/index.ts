import { cachedCompanies } from '../features/companies/search.ts';
import type { Opened } from '../features/index.ts';
import type { Job } from '../platform/jobs/index.ts';
import type { Toolkit } from '../toolkit.ts';

/** What runs in the background. Add yours here; docs/add-a-background-job.md shows how. */
export function jobs(toolkit: Toolkit, opened: Opened): Job[] {
  return [
    // { name: 'report', every: 60 * 60, run: report },
    // More often than the companies get stale: no search has to wait for them.
    {
      name: 'refresh-companies',
      every: 30,
      run: () => cachedCompanies(opened.companies, toolkit.stores.cache),
    },
  ];
}
