export { apiDocs } from './pages.ts';
