import type { Opened } from '../features/index.ts';
import type { Job } from '../platform/jobs/index.ts';
import type { Toolkit } from '../toolkit.ts';

/** What runs in the background. Add yours here; docs/add-a-background-job.md shows how. */
export function jobs(toolkit: Toolkit, opened: Opened): Job[] {
  return [
    // { name: 'report', every: 60 * 60, run: report },
    // The log shows when companies get lost.
    {
      name: 'count-companies',
      every: 60 * 60,
      run: async () => {
        const { total } = await opened.companies.page({ conditions: {}, sort: 'id', offset: 0, limit: 1 });
        toolkit.logger.info({ total }, 'companies');
      },
    },
  ];
}
