import { runCtl } from './platform/supervisor/index.ts';

// The command line that controls the primary: npm run ctl.
process.exitCode = await runCtl(process.argv.slice(2));
