import { pipeline, Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import type { Handler } from '../../platform/http/index.ts';
import { COMPANY_FIELDS } from './company.ts';
import type { CompanyRepository } from './repository.ts';

/**
 * GET /companies.csv
 *
 * Streamed row by row, as fast as the client reads: a million companies take no more memory than ten.
 */
export function csv(repository: CompanyRepository): Handler {
  return (_req, res) => {
    res.attachment('companies.csv').type('text/csv; charset=utf-8');
    const rows = Readable.from(repository.rows());
    const lines = stringify({
      header: true,
      columns: COMPANY_FIELDS,
      // A cell that begins with = or @ is a program to a spreadsheet.
      escape_formulas: true,
    });
    // A failing row fails the response, and a client that leaves ends the reading. The error itself comes out of `lines`,
    // so there is nothing to do in the callback.
    return pipeline(rows, lines, () => undefined);
  };
}
