import type { Config } from './config.ts';
import type { Toolkit as PlatformToolkit } from './platform/http/index.ts';

/** What a feature is built from, with your settings in its configuration. */
export type Toolkit = PlatformToolkit<Config>;
