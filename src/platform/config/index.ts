export { ConfigError, EXIT_BAD_CONFIG } from './config-error.ts';
export {
  defineConfig,
  loadControlSocket,
  type ConfigReport,
  type ConfigWith,
  type OwnRules,
} from './define-config.ts';
export { decimal, flag, hostNames, integer, list, oneOf, optionalDecimal, origins } from './fields.ts';
export { projectPath } from './paths.ts';
export { loadProcessManagerEnv, type ProcessManagerEnv } from './process-manager-env.ts';
export { pathOf, problemOf, strictObject } from './schemas.ts';
export { platformSettings, type PlatformConfig } from './settings.ts';
export { parseRedisUrl } from './redis-url.ts';
