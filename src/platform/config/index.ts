export { ConfigError, EXIT_BAD_CONFIG } from './config-error.ts';
export { defineConfig, loadControlSocket, type ConfigReport } from './define-config.ts';
export { decimal, flag, hostNames, integer, list, oneOf, origins, parsed } from './fields.ts';
export { APP_NAME, APP_VERSION, projectPath } from './paths.ts';
export { loadProcessManagerEnv, type ProcessManagerEnv } from './process-manager-env.ts';
export { parseRedisUrl } from './redis-url.ts';
export { pathOf, problemOf, strictObject } from './schemas.ts';
export { platformSettings, type PlatformConfig } from './settings.ts';
